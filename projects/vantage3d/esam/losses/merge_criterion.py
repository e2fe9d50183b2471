"""What teaches queries of one instance to look alike in different frames."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional

from vantage3d.esam.losses.criterion import mean_or_zero
from vantage3d.registry import MODELS


@MODELS.register_module()
class ScanNetMergeCriterion_Fast:
    """Contrast of instances between adjacent frames, in both directions.

    An instance of a frame is the mean of its queries' vectors. It should be nearer to
    itself in the next frame than to others that both frames show.

    Args:
        tmp_weight: Factor of the loss.
        temperature: Of the softmax over instances.
    """

    def __init__(self, tmp_weight: float = 2.0, temperature: float = 0.07) -> None:
        self.tmp_weight, self.temperature = tmp_weight, temperature

    def __call__(
        self, feats: Sequence[Sequence[Tensor]], inside: Sequence[Sequence[Tensor]]
    ) -> dict[str, Tensor]:
        """``merge_loss_tmp``, the mean over pairs of frames that share an instance.

        Without such a pair it is a differentiable zero.

        Args:
            feats: By frame and scene (Q, D) unit vectors of queries.
            inside: By frame and scene (G, Q) bool, whether a query lies in an instance;
                a row is the same instance in all frames of a scene.
        """
        losses = []
        frames = [list(zip(*frame, strict=True)) for frame in zip(feats, inside)]
        for before, after in pairwise(frames):
            losses += [
                self._contrast(*first, *second)
                for first, second in zip(before, after, strict=True)
                if (first[1].any(1) & second[1].any(1)).any()
            ]
        every = [own for frame in feats for own in frame]
        return {"merge_loss_tmp": self.tmp_weight * mean_or_zero(losses, every)}

    def _contrast(
        self, feats: Tensor, inside: Tensor, other_feats: Tensor, other_inside: Tensor
    ) -> Tensor:
        shared = inside.any(1) & other_inside.any(1)
        a = _centres(feats, inside[shared])
        b = _centres(other_feats, other_inside[shared])
        logits = a @ b.T / self.temperature
        own = torch.arange(len(a), device=a.device)
        there = functional.cross_entropy(logits, own)
        return (there + functional.cross_entropy(logits.T, own)) / 2


def _centres(feats: Tensor, inside: Tensor) -> Tensor:
    """(G, D) mean vector of the queries (Q, D) inside each instance (G, Q)."""
    weights = inside.to(feats.dtype)
    return weights @ feats / weights.sum(1, keepdim=True)
