"""Geometric-aware pooling of points into superpoints (ESAM, section 3.2).

Superpoint ids are 0..M-1 without gaps (checked where data enters the model), in any
order; a segment is the rows that share an id.
"""

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from vantage3d.registry import MODELS


def segment_count(ids: Tensor, num_segments: int) -> Tensor:
    """(M,) number of rows of each segment; ``ids`` (N,)."""
    return torch.bincount(ids, minlength=num_segments)


def segment_mean(values: Tensor, ids: Tensor, num_segments: int) -> Tensor:
    """(M, C) mean row of each segment; ``values`` (N, C), ``ids`` (N,)."""
    total = values.new_zeros(num_segments, values.shape[1]).index_add_(0, ids, values)
    return total / segment_count(ids, num_segments)[:, None].to(values.dtype)


def segment_max(values: Tensor, ids: Tensor, num_segments: int) -> Tensor:
    """(M, C) largest value of each segment and channel; ``values`` (N, C)."""
    return _SegmentMax.apply(values, ids, num_segments)


class _SegmentMax(torch.autograd.Function):
    """``scatter_reduce``, whose gradient is to the bit torch's, but by whole rows."""

    @staticmethod
    def forward(ctx, values: Tensor, ids: Tensor, num_segments: int) -> Tensor:  # type: ignore[no-untyped-def]
        index = ids[:, None].expand_as(values)
        out = values.new_full((num_segments, values.shape[1]), -torch.inf)
        out.scatter_reduce_(0, index, values, "amax", include_self=False)
        ctx.save_for_backward(values, ids, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[no-untyped-def]
        values, ids, out = ctx.saved_tensors
        won = (values == out.index_select(0, ids)).to(grad.dtype)
        winners = torch.zeros_like(out).index_add_(0, ids, won)
        return won.mul_((grad / winners).index_select(0, ids)), None, None


@MODELS.register_module()
class GeoAwarePooling(nn.Module):
    """Weighted mean of point features, plus a code of each superpoint's shape.

    The weight of a point comes from its place in its superpoint, so that interior and
    boundary points may count differently.

    Args:
        channel_proj: Channels of the point features.
    """

    def __init__(self, channel_proj: int) -> None:
        super().__init__()
        c = channel_proj
        self.pts_proj1 = nn.Sequential(
            nn.Linear(3, c),
            nn.LayerNorm(c),
            nn.ReLU(),
            nn.Linear(c, c),
            nn.LayerNorm(c),
        )
        self.pts_proj2 = nn.Sequential(
            nn.Linear(2 * c, c),
            nn.LayerNorm(c),
            nn.ReLU(),
            nn.Linear(c, 1, bias=False),
            nn.Sigmoid(),
        )

    def forward(
        self, feats: Tensor, superpoints: Tensor, xyz: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Pool the points of a whole batch at once.

        Args:
            feats: (N, C) features of all points of the batch.
            superpoints: (N,) int64 ids 0..M-1, distinct between frames.
            xyz: (N, 3) metres.

        Returns:
            (M, C) pooled features, (M, 3) superpoint centres in metres and (N, 1)
            point weights in 0..2.
        """
        num_superpoints = int(superpoints.max()) + 1
        local, centres = normalize_in_segments(xyz, superpoints, num_superpoints)
        geometry = self.pts_proj1(local)
        shape = segment_max(geometry, superpoints, num_superpoints)
        of_points = shape.index_select(0, superpoints)
        weight = 2 * self.pts_proj2(torch.cat([geometry, of_points], dim=1))
        pooled = segment_mean(feats * weight, superpoints, num_superpoints) + shape
        return pooled, centres, weight


def normalize_in_segments(
    xyz: Tensor, ids: Tensor, num_segments: int
) -> tuple[Tensor, Tensor]:
    """Centre each segment and scale it by its longest side plus 1 cm.

    Returns:
        (N, 3) coordinates without unit of points in metres, and (M, 3) centres.
    """
    centres = segment_mean(xyz, ids, num_segments)
    sides = segment_max(xyz, ids, num_segments) + segment_max(-xyz, ids, num_segments)
    scale = sides.amax(1, keepdim=True) + 0.01
    return (xyz - centres[ids]) / scale[ids], centres
