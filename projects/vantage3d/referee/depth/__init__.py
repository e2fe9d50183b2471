"""Depth maps, judged under a protocol."""
