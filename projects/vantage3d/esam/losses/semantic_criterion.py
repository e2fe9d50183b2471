"""Semantic loss of superpoint queries."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from vantage3d.registry import MODELS


@MODELS.register_module()
class ScanNetSemanticCriterion:
    """Cross-entropy of each query against the class of its superpoint.

    Args:
        ignore_index: Target value that takes no part (the number of classes).
        loss_weight: Factor of the loss.
    """

    def __init__(self, ignore_index: int, loss_weight: float) -> None:
        self.ignore_index = ignore_index
        self.loss_weight = loss_weight

    def __call__(self, preds: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
        """Mean over the frames that have a labelled query.

        Args:
            preds: Per frame (Q, n_sem + 1) logits; the last column is not trained.
            targets: Per frame (Q,) int64 classes.

        Returns:
            Scalar, a differentiable 0 where no frame has a labelled query.
        """
        losses = [
            functional.cross_entropy(
                pred[:, :-1].float(), target, ignore_index=self.ignore_index
            )
            for pred, target in zip(preds, targets)
            if (target != self.ignore_index).any()
        ]
        if not losses:
            return sum(pred.sum() for pred in preds) * 0.0
        return self.loss_weight * torch.stack(losses).mean()
