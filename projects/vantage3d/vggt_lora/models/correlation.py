"""What feature maps show around points, at several resolutions."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from vantage3d.geometry import sample_maps


def feature_pyramid(maps: Tensor, levels: int) -> list[Tensor]:
    """Maps at full, half, ... resolution.

    Args:
        maps: (B, S, C, h, w).
        levels: How many.

    Returns:
        (B, S, C, h >> i, w >> i) for level i.

    Raises:
        ValueError: If the last level would have no pixel.
    """
    smallest = 1 << (levels - 1)
    height, width = maps.shape[-2:]
    if min(height, width) < smallest:
        raise ValueError(
            f"feature maps for tracking must have sides of at least {smallest} pixels "
            f"for {levels} levels, got {height} x {width}. Give larger images, at "
            f"least {2 * smallest} pixels on a side"
        )
    pyramid = [maps]
    for _ in range(levels - 1):
        halved = avg_pool2d(pyramid[-1].flatten(0, 1), 2, 2)
        pyramid.append(halved.unflatten(0, maps.shape[:2]))
    return pyramid


def sample_at(maps: Tensor, pixels: Tensor) -> Tensor:
    """Bilinear samples, zero outside.

    Along a side of one pixel every position is that pixel, as in the network that the
    released weights come from.

    Args:
        maps: (B, C, h, w).
        pixels: (B, ..., 2) positions (x, y), centres at integers.

    Returns:
        (B, ..., C).
    """
    height, width = maps.shape[-2:]
    if min(height, width) == 1:
        pixels = pixels * pixels.new_tensor([width > 1, height > 1])
    return sample_maps(maps, pixels, "zeros")


def correlate(
    pyramid: Sequence[Tensor], coords: Tensor, feats: Tensor, radius: int
) -> Tensor:
    """Scaled products of point features with the maps around the points.

    The window is sampled first and multiplied then, so memory does not grow with the
    size of the maps.

    Args:
        pyramid: (B, S, C, h >> i, w >> i) of :func:`feature_pyramid`.
        coords: (B, S, N, 2) positions (x, y) in the pixels of the first level.
        feats: (B, S, N, C) features of the points.
        radius: r pixels of each level.

    Returns:
        (B, S, N, levels * (2 r + 1)^2); within a level x changes slowest.
    """
    steps = torch.arange(-radius, radius + 1, device=coords.device, dtype=coords.dtype)
    # the released weights expect the window transposed: rows of constant x
    window = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), -1).flatten(0, 1)
    feats = feats.flatten(0, 1)[..., None]
    products = []
    for level, maps in enumerate(pyramid):
        around = (coords / 2**level)[..., None, :] + window
        seen = sample_at(maps.flatten(0, 1), around.flatten(0, 1))  # (B S, N, W, C)
        products.append((seen @ feats).squeeze(-1))
    joined = torch.cat(products, dim=-1) / feats.shape[-2] ** 0.5
    return joined.unflatten(0, coords.shape[:2])
