"""Losses of masks, paired (row i with row i) and batched (every pair), and of boxes.

``pred`` are logits over superpoints or points, ``target`` are masks of the same length,
bool or 0/1.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from vantage3d.registry import MODELS


def batch_sigmoid_bce_loss(pred: Tensor, target: Tensor) -> Tensor:
    """(Q, G) mean binary cross-entropy over N of predictions (Q, N), targets (G, N).

    With softplus(-x) = softplus(x) - x the sum over the positives and negatives is
    one row sum and one matrix product.
    """
    positive = pred @ target.to(pred.dtype).T
    return (functional.softplus(pred).sum(1, keepdim=True) - positive) / pred.shape[1]


def batch_dice_loss(pred: Tensor, target: Tensor) -> Tensor:
    """(Q, G) dice losses, smoothed by 1, of predictions (Q, N) and targets (G, N)."""
    prob, target = pred.sigmoid(), target.to(pred.dtype)
    overlap = 2 * (prob @ target.T)
    total = prob.sum(1)[:, None] + target.sum(1)[None]
    return 1 - (overlap + 1) / (total + 1)


def dice_loss(pred: Tensor, target: Tensor) -> Tensor:
    """Mean over rows of the dice loss, smoothed by 1, of paired rows (M, N)."""
    prob, target = pred.sigmoid(), target.to(pred.dtype)
    overlap = 2 * (prob * target).sum(1)
    return (1 - (overlap + 1) / (prob.sum(1) + target.sum(1) + 1)).mean()


@torch.no_grad()
def mask_iou(pred: Tensor, target: Tensor) -> Tensor:
    """(M,) intersection over union of each prediction (M, N) with its target (M, N).

    A prediction is a mask where it is positive; 0 where both masks are empty.
    """
    pred, target = pred > 0, target.bool()
    intersection = (pred & target).sum(1)
    return intersection / (pred | target).sum(1).clamp(min=1)


@MODELS.register_module()
class AxisAlignedIoULoss(nn.Module):
    """Mean of 1 - IoU between each predicted box and its target."""

    def forward(self, pred: Tensor, target: Tensor) -> Tensor:
        """Loss of paired rows (M, 6): smallest and largest corner in metres."""
        low = pred[:, :3].maximum(target[:, :3])
        high = pred[:, 3:].minimum(target[:, 3:])
        overlap = (high - low).clamp(min=0).prod(1)
        volumes = [(box[:, 3:] - box[:, :3]).prod(1) for box in (pred, target)]
        union = volumes[0] + volumes[1] - overlap
        return (1 - overlap / union.clamp(min=1e-6)).mean()
