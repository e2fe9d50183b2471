"""Narrow networks and images for the tests of VGGT."""

from typing import Any

import torch
from torch import Tensor

from tests.reference.golden_fill import random_fill
from vantage3d.vggt_lora.models import VGGT

NARROW: dict[str, Any] = dict(
    img_size=56,
    embed_dim=24,
    depth=4,
    num_heads=2,
    patch_embed=dict(embed_dim=24, depth=2, num_heads=2),
    camera_head=dict(trunk_depth=1, num_heads=4),
    dpt=dict(
        features=16, out_channels=(8, 8, 12, 12), intermediate_layer_idx=(0, 1, 2, 3)
    ),
    track_head=dict(
        features=8,
        iters=2,
        out_channels=(8, 8, 12, 12),
        intermediate_layer_idx=(0, 1, 2, 3),
        corr_levels=2,
        hidden_size=16,
        depth=1,
        num_heads=2,
    ),
)


def narrow(**options: Any) -> VGGT:
    """A VGGT with every part, filled so that every parameter matters."""
    torch.manual_seed(0)
    return random_fill(VGGT(**{**NARROW, **options}))


def images(frames: int = 3, height: int = 28, width: int = 42, seed: int = 1) -> Tensor:
    """(1, S, 3, H, W) noise."""
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(1, frames, 3, height, width, generator=generator)


def maps(outputs: dict[str, Any]) -> dict[str, Tensor]:
    """Outputs with the list of rounds stacked in front of the frames."""
    stacked = torch.stack(outputs["pose_enc_list"], dim=-1)
    return {**outputs, "pose_enc_list": stacked}
