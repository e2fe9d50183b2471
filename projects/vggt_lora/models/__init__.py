"""VGGT networks."""

from projects.vggt_lora.models.vggt import VGGT

__all__ = ["VGGT"]
