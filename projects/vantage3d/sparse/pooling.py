"""Pooling of stored rows, and interpolation between voxels."""

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from .levels import Level
from .packing import check_range
from .routes import Route


def pool(rows: Tensor, route: Route, mode: str) -> Tensor:
    """Largest or mean value of the voxels under the kernel, per channel.

    Args:
        rows: (N, C) of the route's source.
        route: From which voxels to which, under which kernel.
        mode: "max" or "mean".

    Returns:
        (N', C); zero where there is no voxel under the kernel.
    """
    blocks = route.plan().blocks
    if not blocks or len(rows) == 0:
        return rows.new_zeros((len(route.target), rows.shape[1]))
    members = torch.cat([block.gather[block.reduce] for block in blocks])
    counts = torch.cat([block.bounds.diff() for block in blocks])
    starts = (counts.cumsum(0) - counts).to(members.dtype)
    return embedding_bag(members, rows, starts, mode=mode)


def interpolate_rows(rows: Tensor, level: Level, points: Tensor) -> Tensor:
    """Trilinear interpolation; a missing corner counts as zero.

    Args:
        rows: (N, C) features of ``level`` in stored order.
        level: The voxels.
        points: (M, 4) floating point [batch, x, y, z] in input voxels.

    Returns:
        (M, C) values.
    """
    if points.ndim != 2 or points.shape[1] != 4 or not points.is_floating_point():
        raise ValueError(
            "`points` must be floating point (M, 4) [batch, x, y, z], got "
            f"{tuple(points.shape)} {points.dtype}."
        )
    batch = points[:, 0].round().long()
    scaled = points[:, 1:] / level.stride
    corner = scaled.detach().floor()
    check_range(batch, corner)
    if len(level) == 0 or len(points) == 0:
        return rows.new_zeros((len(points), rows.shape[1]))
    part = scaled - corner
    steps = torch.arange(2, device=points.device)
    axes = [corner[:, axis].long() + steps[:, None] for axis in range(3)]
    found = level.make_index().find(batch, axes).t().contiguous()
    near_far = torch.stack([1 - part, part], dim=2)
    x, y, z = near_far.unbind(1)
    weight = (z[:, :, None, None] * y[:, None, :, None] * x[:, None, None]).flatten(1)
    weight = weight.masked_fill(found < 0, 0).to(rows.dtype)
    return embedding_bag(
        found.clamp(min=0), rows, per_sample_weights=weight, mode="sum"
    )
