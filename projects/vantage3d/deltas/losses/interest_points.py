"""Interest points learned from a teacher: one class per pixel of a cell, and none.

SuperPoint is transformers' class with weights of your own: those of Magic Leap are for
noncommercial research, and neither shipped nor downloaded.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from mmengine.logging import print_log
from torch import Tensor, nn
from torch.nn import functional

from vantage3d.checks import check_choice
from vantage3d.deltas.maxima import dilate, remove_border
from vantage3d.engine.checkpoints.file import read_checkpoint
from vantage3d.engine.errors import CheckpointError
from vantage3d.io.released_weights import RELEASED
from vantage3d.registry import TASK_UTILS

CELL = 8
NO_POINT = CELL * CELL
"""Class of a cell without an interest point, the last of 65."""
GRAY = (0.299, 0.587, 0.114)
SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))
# superpoint_v1.pth of the authors to transformers' names.
AUTHORS_NAMES = (
    (r"conv([1-4])([ab])\.", r"encoder.conv_blocks.{}.conv_{}."),
    (r"convP([ab])\.", r"keypoint_decoder.conv_score_{}."),
    (r"convD([ab])\.", r"descriptor_decoder.conv_descriptor_{}."),
)


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
        weight: Factor of the term in the total loss.
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
        """
        sizes = zip(images.shape[-2:], logits.shape[-2:])
        rows, columns = (min(side // CELL, cells) for side, cells in sizes)
        images = images[..., : rows * CELL, : columns * CELL]
        logits = logits[..., :rows, :columns]
        teach = self.teacher.labels if self.kind == "hard" else self.teacher.logits
        with torch.no_grad():
            target = teach(images)
        if self.kind == "hard":
            # CUDA has no deterministic form of its own mean
            return functional.cross_entropy(logits, target, reduction="none").mean()
        student, teacher = logits.log_softmax(1), target.log_softmax(1)
        return (teacher.exp() * (teacher - student)).sum(1).mean()


def to_gray(images: Tensor) -> Tensor:
    """(B, 1, H, W) luminance of (B, 3, H, W) images."""
    return (images * images.new_tensor(GRAY)[:, None, None]).sum(1, keepdim=True)


def suppress_neighbours(scores: Tensor, radius: int) -> Tensor:
    """(B, H, W) scores, not negative; 0 where a larger one is within ``radius``."""
    return scores * (scores == dilate(scores, radius))


def cell_labels(scores: Tensor, threshold: float) -> Tensor:
    """(B, H/8, W/8) int64: the best point of each cell, 8 dy + dx, or 64 for none.

    A point's score (B, H, W) must exceed the threshold.
    """
    cells = functional.pixel_unshuffle(scores[:, None], CELL)
    best, label = cells.max(1)
    return torch.where(best > threshold, label, NO_POINT)


@TASK_UTILS.register_module()
@dataclass
class CornerTeacher:
    """Shi-Tomasi corners. No distillation: a detector trained so finds corners.

    Attributes:
        quality: Share of the image's best corner that a corner must exceed.
        nms_radius: Pixels around a corner without another.
        border: Pixels without corners along the border.
        window: Side of the square over which gradients are gathered, pixels.
    """

    quality: float = 0.01
    nms_radius: int = 4
    border: int = 4
    window: int = 5

    soft = False

    def __post_init__(self) -> None:
        print_log(
            "interest points: CORNER LABELS (Shi-Tomasi), not distilled from "
            "SuperPoint. For that give teacher=dict(type='SuperPointTeacher', "
            "weights=FILE)",
            logger="current",
            level=logging.WARNING,
        )

    def labels(self, images: Tensor) -> Tensor:
        """(B, H/8, W/8) int64 classes of (B, 3, H, W) images in [0, 1]."""
        scores = corner_strength(to_gray(images), self.window)
        scores = scores / scores.amax((1, 2), keepdim=True).clamp(min=1e-12)
        scores = remove_border(scores, self.border)
        return cell_labels(suppress_neighbours(scores, self.nms_radius), self.quality)

    def logits(self, images: Tensor) -> Tensor:
        """Corners have none.

        Raises:
            NotImplementedError: Always.
        """
        raise NotImplementedError("CornerTeacher has labels only: use kind='hard'")


def corner_strength(gray: Tensor, window: int) -> Tensor:
    """(B, H, W) smaller eigenvalues, not negative, of the gradients' second moments.

    Of an image (B, 1, H, W), gathered around each pixel in squares of an odd side.
    """
    kernel = gray.new_tensor(SOBEL)
    kernels = torch.stack([kernel, kernel.T])[:, None]
    padded = functional.pad(gray, (1, 1, 1, 1), mode="replicate")
    dx, dy = functional.conv2d(padded, kernels).split(1, dim=1)
    products = torch.cat([dx * dx, dx * dy, dy * dy], 1)
    moments = functional.avg_pool2d(products, window, stride=1, padding=window // 2)
    xx, xy, yy = moments.unbind(1)
    half, spread = (xx + yy) / 2, ((xx - yy) / 2).square() + xy.square()
    return (half - spread.sqrt()).clamp(min=0)


@TASK_UTILS.register_module()
class SuperPointTeacher:
    """Interest points of a frozen SuperPoint.

    The network is read when it is first asked, so a config that names weights which
    are not there can be built and looked at, but trains no step.

    Args:
        weights: File with the weights: ``.safetensors`` or ``.pth`` of transformers'
            ``SuperPointForKeypointDetection``, or the authors' ``superpoint_v1.pth``.
        threshold: Score that a point must exceed: 0.015 in the authors' demo, 0.005 in
            transformers.
        nms_radius: Pixels around a point without another.
        border: Pixels without points along the border.
    """

    soft = True

    def __init__(
        self,
        weights: str,
        threshold: float = 0.005,
        nms_radius: int = 4,
        border: int = 4,
    ) -> None:
        self.weights = Path(weights).expanduser()
        self.threshold = threshold
        self.nms_radius = nms_radius
        self.border = border
        self._net: nn.Module | None = None

    def labels(self, images: Tensor) -> Tensor:
        """(B, H/8, W/8) int64 classes of (B, 3, H, W) images in [0, 1]."""
        shares = self.logits(images).softmax(1)[:, :-1]
        scores = functional.pixel_shuffle(shares, 8)[:, 0]
        scores = suppress_neighbours(scores, self.nms_radius)
        return cell_labels(remove_border(scores, self.border), self.threshold)

    @torch.no_grad()
    def logits(self, images: Tensor) -> Tensor:
        """(B, 65, H/8, W/8) logits of (B, 3, H, W) images in [0, 1].

        Raises:
            FileNotFoundError: If the weights are not there.
            CheckpointError: If the file is of another network.
        """
        if self._net is None:
            self._net = load_superpoint(self.weights)
        net: Any = self._net.to(images.device)
        features = net.encoder(to_gray(images).float())[0]
        decoder = net.keypoint_decoder
        return decoder.conv_score_b(decoder.relu(decoder.conv_score_a(features)))


def load_superpoint(path: Path) -> nn.Module:
    """transformers' SuperPoint with the weights of a file, frozen.

    Raises:
        FileNotFoundError: If the file is not there.
        CheckpointError: If it is of another network.
    """
    from transformers import SuperPointConfig, SuperPointForKeypointDetection

    if not path.is_file():
        raise FileNotFoundError(
            f"SuperPoint weights {path} do not exist. They are Magic Leap's, for "
            f"noncommercial research. {RELEASED['superpoint'].how_to_fetch()}"
        )
    net = SuperPointForKeypointDetection(SuperPointConfig())
    checkpoint = read_checkpoint(str(path))
    state = transformers_names(checkpoint.get("state_dict", checkpoint))
    expected = net.state_dict()
    wrong = [
        key
        for key in {**expected, **state}
        if key not in state
        or key not in expected
        or state[key].shape != expected[key].shape
    ]
    if wrong:
        raise CheckpointError(
            f"{path} does not hold SuperPoint's weights: {len(wrong)} of "
            f"{len(expected)} tensors are missing, unknown or of another shape, "
            f"such as {wrong[0]}. Name the right file"
        )
    net.load_state_dict(state)
    print_log(f"interest points: distilled from SuperPoint of {path}", "current")
    return net.eval().requires_grad_(False)


def transformers_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A state dict with the names of transformers, whichever it had."""
    renamed = {}
    for key, value in state.items():
        for pattern, name in AUTHORS_NAMES:
            if match := re.match(pattern, key):
                *block, layer = match.groups()
                block = [int(number) - 1 for number in block]
                key = name.format(*block, layer) + key[match.end() :]
                break
        renamed[key] = value
    return renamed
