"""Pooling of rows along a kernel map, and interpolation between voxels."""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from .kernel_maps import KernelMap
from .levels import Level
from .packing import check_range, pack


def average_pool(rows: Tensor, pairs: KernelMap) -> Tensor:
    """Mean over the voxels that exist under the kernel; zero where none does."""
    out = rows.new_zeros((pairs.num_out, rows.shape[1]))
    count = rows.new_zeros((pairs.num_out, 1))
    for source, target in pairs.pairs:
        out = out.index_add(0, target, rows[source])
        count[target] += 1
    return out / count.clamp_(min=1)


class _MaxPool(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, rows: Tensor, pairs: KernelMap) -> Tensor:
        shape = (pairs.num_out, rows.shape[1])
        best = rows.new_full(shape, -torch.inf)
        winner = torch.full(shape, -1, dtype=torch.int64, device=rows.device)
        for source, target in pairs.pairs:
            value, held = rows[source], best[target]
            better = (value > held) | value.isnan()
            best[target] = torch.where(better, value, held)
            winner[target] = torch.where(better, source[:, None], winner[target])
        ctx.save_for_backward(winner)
        ctx.num_in = pairs.num_in  # type: ignore[attr-defined]
        return torch.where(winner < 0, 0, best)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        (winner,) = ctx.saved_tensors  # type: ignore[attr-defined]
        out = grad.new_zeros((ctx.num_in, grad.shape[1]))  # type: ignore[attr-defined]
        seen = torch.where(winner < 0, 0, grad)
        return out.scatter_add_(0, winner.clamp(min=0), seen), None


def max_pool(rows: Tensor, pairs: KernelMap) -> Tensor:
    """Largest value under the kernel, per channel; zero where there is no voxel."""
    return _MaxPool.apply(rows, pairs)


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
    batch = points[:, 0].round().to(torch.int64)
    scaled = points[:, 1:] / level.stride
    corner = scaled.floor()
    part = (scaled - corner).to(rows.dtype)
    base = corner.to(torch.int64)
    check_range(batch, base)
    out = rows.new_zeros((len(points), rows.shape[1]))
    for index in range(8):
        step = torch.tensor([index & 1, index >> 1 & 1, index >> 2], device=rows.device)
        found = level.find(pack(batch, base + step))
        weight = torch.where(step.bool(), part, 1 - part).prod(1)
        weight = torch.where(found >= 0, weight, 0)
        if len(level):
            out = out + rows[found.clamp(min=0)] * weight[:, None]
    return out
