"""VGGT with LoRA adapters: depth and cameras of several images at once."""
