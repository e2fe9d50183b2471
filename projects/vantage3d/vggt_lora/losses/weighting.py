"""Which residuals count, and how much: weighted means, quantile filter, frame gate."""

import torch
from torch import Tensor

MAX_RESIDUAL = 100.0
# No fewer values than this are ever left by the filter.
MIN_FILTERED = 1000


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Sum of ``weights * values`` (N,) by the sum of ``weights`` (N,), not negative.

    A scalar, connected to the graph of ``values`` and 0 where there is none.
    """
    total = weights.sum()
    return (values * weights).sum() / total.clamp(min=torch.finfo(total.dtype).tiny)


def filtered_mean(values: Tensor, weights: Tensor, quantile: float) -> Tensor:
    """Weighted mean of the values below their own quantile, the nearest sample of it.

    Values are first clamped at 100. Nothing is filtered where no more than 1000 values
    are there, or would remain.

    Args:
        values: (N,) differentiable.
        weights: (N,) non-negative; they do not decide what is filtered.
        quantile: Share to keep, 0 to 1; not positive keeps everything.
    """
    if quantile <= 0 or len(values) <= MIN_FILTERED:
        return weighted_mean(values, weights)
    values = values.clamp(max=MAX_RESIDUAL)
    rank = 1 + round(quantile * (len(values) - 1))
    below = values < values.detach().kthvalue(rank).values
    if below.sum() > MIN_FILTERED:
        values, weights = values[below], weights[below]
    return weighted_mean(values, weights)


def supervised_frames(mask: Tensor, minimum: int) -> Tensor:
    """(B, S) bool: frames with enough valid pixels to be trusted.

    Args:
        mask: (B, S, H, W) bool.
        minimum: Pixels; 100 suits dense depth, 10 a sparse one.
    """
    return mask.flatten(2).sum(2) >= minimum
