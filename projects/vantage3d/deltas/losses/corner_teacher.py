"""Corners as interest points: the fallback where no SuperPoint weights are at hand."""

import logging
from dataclasses import dataclass

import torch
from mmengine.logging import print_log
from torch import Tensor
from torch.nn import functional

from vantage3d.deltas.losses.interest_points import (
    cell_labels,
    remove_border,
    suppress_neighbours,
    to_gray,
)
from vantage3d.registry import TASK_UTILS

SOBEL = ((-1.0, 0.0, 1.0), (-2.0, 0.0, 2.0), (-1.0, 0.0, 1.0))


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
    """Smaller eigenvalue of the gradients' second moments around each pixel.

    Args:
        gray: (B, 1, H, W).
        window: Side of the neighbourhood, odd.

    Returns:
        (B, H, W) non-negative.
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
