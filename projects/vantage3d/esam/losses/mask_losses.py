"""Losses of masks, paired (row i with row i) and batched (every pair), and of boxes.

``pred`` are logits over superpoints or points, ``target`` are masks of the same length.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from vantage3d.registry import MODELS


def batch_sigmoid_bce_loss(pred: Tensor, target: Tensor) -> Tensor:
    """Mean binary cross-entropy of every prediction against every target.

    With softplus(-x) = softplus(x) - x the sum over the positives and negatives is
    one row sum and one matrix product.

    Args:
        pred: (Q, N) logits.
        target: (G, N) bool or 0/1 masks.

    Returns:
        (Q, G) mean over the N positions.
    """
    positive = pred @ target.to(pred.dtype).T
    return (functional.softplus(pred).sum(1, keepdim=True) - positive) / pred.shape[1]


def batch_dice_loss(pred: Tensor, target: Tensor) -> Tensor:
    """Dice loss, smoothed by 1, of every prediction against every target.

    Args:
        pred: (Q, N) logits.
        target: (G, N) bool or 0/1 masks.

    Returns:
        (Q, G) in 0..1.
    """
    prob, target = pred.sigmoid(), target.to(pred.dtype)
    overlap = 2 * (prob @ target.T)
    total = prob.sum(1)[:, None] + target.sum(1)[None]
    return 1 - (overlap + 1) / (total + 1)


def dice_loss(pred: Tensor, target: Tensor) -> Tensor:
    """Mean over rows of the dice loss, smoothed by 1.

    Args:
        pred: (M, N) logits.
        target: (M, N) bool or 0/1 masks, row i belongs to row i of ``pred``.

    Returns:
        Scalar.
    """
    prob, target = pred.sigmoid(), target.to(pred.dtype)
    overlap = 2 * (prob * target).sum(1)
    return (1 - (overlap + 1) / (prob.sum(1) + target.sum(1) + 1)).mean()


@torch.no_grad()
def mask_iou(pred: Tensor, target: Tensor) -> Tensor:
    """Intersection over union of each binarised prediction with its target.

    Args:
        pred: (M, N) logits, positive where the mask is.
        target: (M, N) bool masks.

    Returns:
        (M,) in 0..1; 0 where both masks are empty.
    """
    pred, target = pred > 0, target.bool()
    intersection = (pred & target).sum(1)
    return intersection / (pred | target).sum(1).clamp(min=1)


@MODELS.register_module()
class AxisAlignedIoULoss(nn.Module):
    """Mean of 1 - IoU between each predicted box and its target."""

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """Scalar.

        Args:
            pred: (M, 6) smallest and largest corner in metres.
            target: (M, 6) true corners; row i belongs to row i of ``pred``.
        """
        low = pred[:, :3].maximum(target[:, :3])
        high = pred[:, 3:].minimum(target[:, 3:])
        overlap = (high - low).clamp(min=0).prod(1)
        volumes = [(box[:, 3:] - box[:, :3]).prod(1) for box in (pred, target)]
        union = volumes[0] + volumes[1] - overlap
        return (1 - overlap / union.clamp(min=1e-6)).mean()
