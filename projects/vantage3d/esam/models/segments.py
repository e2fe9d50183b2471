"""Reductions over segments: rows that share an id.

Ids are 0..M-1 without gaps (checked where data enters the model), in any order.
"""

import torch
from torch import Tensor


def segment_count(ids: Tensor, num_segments: int) -> Tensor:
    """(M,) number of rows of each segment; ``ids`` (N,)."""
    return torch.bincount(ids, minlength=num_segments)


def segment_mean(values: Tensor, ids: Tensor, num_segments: int) -> Tensor:
    """(M, C) mean row of each segment; ``values`` (N, C), ``ids`` (N,)."""
    total = values.new_zeros(num_segments, values.shape[1]).index_add_(0, ids, values)
    return total / segment_count(ids, num_segments)[:, None].to(values.dtype)


def segment_max(values: Tensor, ids: Tensor, num_segments: int) -> Tensor:
    """(M, C) largest value of each segment and channel; ``values`` (N, C)."""
    index = ids[:, None].expand_as(values)
    out = values.new_full((num_segments, values.shape[1]), -torch.inf)
    return out.scatter_reduce(0, index, values, "amax", include_self=False)


def segment_min(values: Tensor, ids: Tensor, num_segments: int) -> Tensor:
    """(M, C) smallest value of each segment and channel; ``values`` (N, C)."""
    return -segment_max(-values, ids, num_segments)
