"""Means over masks that stay in the graph when nothing is valid."""

import torch
from torch import Tensor
from torch.nn import functional


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the values where ``mask`` holds.

    Args:
        values: (...) of any shape.
        mask: (...) bool.

    Returns:
        Scalar; 0 and connected to ``values`` where the mask is empty. Values outside
        the mask may be anything, NaN included.
    """
    kept = torch.where(mask, values, torch.zeros_like(values))
    return kept.sum() / mask.sum().clamp(min=1)


def masked_smooth_l1(pred: Tensor, truth: Tensor, mask: Tensor, beta: float) -> Tensor:
    """Mean smooth L1 distance where ``mask`` holds.

    Both sides are replaced before they are compared, not after: the slope of a NaN
    would be NaN even with weight 0.

    Args:
        pred: (..., C) with gradient.
        truth: (..., C).
        mask: (...) bool.
        beta: Distance, in the unit of ``pred``, below which the loss is quadratic.

    Returns:
        Scalar: mean over valid entries and C; 0 and connected to ``pred`` if none is.
    """
    mask = mask[..., None].expand_as(pred)
    zero = torch.zeros_like(pred)
    distance = functional.smooth_l1_loss(
        torch.where(mask, pred, zero),
        torch.where(mask, truth.to(pred.dtype), zero),
        reduction="none",
        beta=beta,
    )
    return masked_mean(distance, mask)
