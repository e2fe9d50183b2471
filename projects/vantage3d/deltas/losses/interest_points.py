"""Interest points learned from a teacher: one class per pixel of a cell, and none."""

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional

from vantage3d.checks import check_choice
from vantage3d.deltas.maxima import dilate

CELL = 8
NO_POINT = CELL * CELL
"""Class of a cell without an interest point, the last of 65."""
GRAY = (0.299, 0.587, 0.114)


class Teacher(Protocol):
    """What tells where interest points are."""

    soft: bool
    """Whether it has logits, for the soft loss."""

    def labels(self, images: Tensor) -> Tensor:
        """(B, H/8, W/8) int64 classes of (B, 3, H, W) images in [0, 1]."""

    def logits(self, images: Tensor) -> Tensor:
        """(B, 65, H/8, W/8) logits of (B, 3, H, W) images in [0, 1]."""


@dataclass(frozen=True)
class InterestPointLoss:
    """Cross entropy to a teacher's interest points.

    Attributes:
        teacher: Who tells where they are; it is frozen and no part of the model.
        weight: Of the term in the total.
        kind: "hard", cross entropy to the best point of each cell, or "soft",
            KL(teacher || student) over the 65 classes.
    """

    teacher: Teacher
    weight: float = 0.1
    kind: str = "hard"

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, ("hard", "soft"))
        if self.kind == "soft" and not self.teacher.soft:
            raise ValueError(
                f"`kind` 'soft' needs a teacher with logits, got "
                f"{type(self.teacher).__name__}. Use kind='hard' or SuperPointTeacher."
            )

    def __call__(self, logits: Tensor, images: Tensor) -> Tensor:
        """The loss, not weighted by ``weight``.

        Args:
            logits: (B, 65, h, w) of the student; class 8 dy + dx, the last for none.
            images: (B, 3, H, W) in [0, 1], of which the teacher sees whole cells.

        Returns:
            Scalar.
        """
        height, width = CELL * logits.shape[-2], CELL * logits.shape[-1]
        images = images[..., :height, :width]
        rows, columns = images.shape[-2] // CELL, images.shape[-1] // CELL
        images = images[..., : rows * CELL, : columns * CELL]
        logits = logits[..., :rows, :columns]
        with torch.no_grad():
            target: Any = (
                self.teacher.labels(images)
                if self.kind == "hard"
                else self.teacher.logits(images)
            )
        if self.kind == "hard":
            # CUDA has no deterministic form of its own mean
            return functional.cross_entropy(logits, target, reduction="none").mean()
        student, teacher = logits.log_softmax(1), target.log_softmax(1)
        return (teacher.exp() * (teacher - student)).sum(1).mean()


def to_gray(images: Tensor) -> Tensor:
    """(B, 1, H, W) luminance of (B, 3, H, W) images."""
    return (images * images.new_tensor(GRAY)[:, None, None]).sum(1, keepdim=True)


def suppress_neighbours(scores: Tensor, radius: int) -> Tensor:
    """Scores of local maxima, 0 elsewhere.

    Args:
        scores: (B, H, W) non-negative.
        radius: Pixels around a maximum in which nothing is larger.

    Returns:
        (B, H, W).
    """
    return scores * (scores == dilate(scores, radius))


def remove_border(scores: Tensor, border: int) -> Tensor:
    """(B, H, W) scores, 0 within ``border`` pixels of the image's border."""
    kept = torch.zeros_like(scores)
    inner = (..., slice(border, -border or None), slice(border, -border or None))
    kept[inner] = scores[inner]
    return kept


def cell_labels(scores: Tensor, threshold: float) -> Tensor:
    """The best point of each cell of 8 x 8 pixels.

    Args:
        scores: (B, H, W) of points, 0 where there is none; whole cells.
        threshold: Score that a point must exceed.

    Returns:
        (B, H/8, W/8) int64: 8 dy + dx, or 64 where the cell has no point.
    """
    cells = functional.pixel_unshuffle(scores[:, None], CELL)
    best, label = cells.max(1)
    return torch.where(best > threshold, label, NO_POINT)
