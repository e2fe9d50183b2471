"""Loss on the pose encodings of all refinement stages."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from vantage3d.checks import check_choice

MAX_TRANSLATION_ERROR = 100.0
# Translation, quaternion and fields of view in an encoding.
PARTS = {"T": slice(0, 3), "R": slice(3, 7), "FL": slice(7, 9)}


@dataclass(frozen=True)
class CameraLoss:
    """Distance of pose encodings, the last stage counting most.

    Stage i of n has weight gamma^(n-1-i); the sum is divided by n.

    Attributes:
        weight: Factor of the term in the total loss.
        loss_type: "l1", the mean of absolute differences, or "l2", the mean length.
        gamma: Decay towards early stages.
        weight_trans: Factor of the translation.
        weight_rot: Factor of the quaternion.
        weight_focal: Factor of the fields of view.
        min_valid: Valid pixels that a frame needs: the scale of a translation comes
            from them.

    Raises:
        ValueError: If ``loss_type`` is another.
    """

    weight: float = 5.0
    loss_type: str = "l1"
    gamma: float = 0.6
    weight_trans: float = 1.0
    weight_rot: float = 1.0
    weight_focal: float = 0.5
    min_valid: int = 100

    def __post_init__(self) -> None:
        check_choice("loss_type", self.loss_type, ("l1", "l2"))

    def __call__(
        self, stages: Sequence[Tensor], target: Tensor, frames: Tensor
    ) -> dict[str, Tensor]:
        """Loss and its parts, none of them weighted by ``weight``.

        Args:
            stages: (B, S, 9) predicted encodings, first stage first.
            target: (B, S, 9) true encodings.
            frames: (B, S) bool, the frames that count.

        Returns:
            Scalars ``camera``, ``T``, ``R`` and ``FL``; 0 and connected to the graph
            if no frame counts.
        """
        n = len(stages)
        parts = {}
        for name, part in PARTS.items():
            errors = [s[..., part] - target[..., part] for s in stages]
            if self.loss_type == "l1":
                errors = [error.abs() for error in errors]
            else:
                errors = [error.norm(dim=-1, keepdim=True) for error in errors]
            kept = [error[frames].clamp(max=MAX_TRANSLATION_ERROR) for error in errors]
            means = [error.sum() / max(error.numel(), 1) for error in kept]
            decayed = [self.gamma ** (n - 1 - i) * mean for i, mean in enumerate(means)]
            parts[name] = torch.stack(decayed).sum() / n
        weights = (self.weight_trans, self.weight_rot, self.weight_focal)
        total = torch.stack([w * part for w, part in zip(weights, parts.values())])
        return {"camera": total.sum(), **parts}
