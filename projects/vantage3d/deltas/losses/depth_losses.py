"""Losses of matches in the images, of points in space and of the dense depth.

Means over masks stay in the graph when nothing is valid.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vantage3d.deltas.correspondences import TrueMatches, TruePoints

SCALES = (8, 4, 2, 1)
"""Input pixels per pixel of the depth pyramid, coarse to fine."""


@dataclass(frozen=True)
class MatchLoss:
    """Smooth L1 between matches and the reprojection of the true points, in pixels.

    The target is where the point is in that view, never where it is in the anchor.

    Attributes:
        weight: Factor of the term in the total loss.
        beta: Pixels below which the loss is quadratic.
    """

    weight: float = 1.0
    beta: float = 1.0

    def __call__(self, matches: Tensor, searched: Tensor, truth: TrueMatches) -> Tensor:
        """The loss, not weighted by ``weight``, of predicted pixels (B, V-1, N, 2).

        ``searched`` (B, V-1, N) bool tells where there was a segment to search.
        """
        valid = truth.valid & searched & matches.detach().isfinite().all(-1)
        return masked_smooth_l1(matches, truth.pixels, valid, self.beta)


@dataclass(frozen=True)
class PointLoss:
    """Smooth L1 between triangulated and true points, in metres.

    Attributes:
        weight: Factor of the term in the total loss.
        beta: Metres below which the loss is quadratic.
        farthest: Triangulated points beyond this depth take no part, metres: rays that
            are almost parallel meet anywhere.
    """

    weight: float = 2.0
    beta: float = 1.0
    farthest: float = 20.0

    def __call__(self, points: Tensor, triangulated: Tensor, truth: TruePoints):
        """The loss, not weighted by ``weight``, of points (B, N, 3) in the anchor.

        ``triangulated`` (B, N) bool tells whether a view took part.
        """
        z = points[..., 2].detach()
        sane = points.detach().isfinite().all(-1) & (z > 0) & (z < self.farthest)
        valid = truth.valid & triangulated & sane
        return masked_smooth_l1(points, truth.points, valid, self.beta)


@dataclass(frozen=True)
class DepthLoss:
    """Smooth L1 of every scale of the depth, the full resolution among them, in metres.

    Attributes:
        weights: Factors of the scales 1, 1/2, 1/4, 1/8 in the total loss: 2 * 0.7^i.
        beta: Metres below which the loss is quadratic.
    """

    weights: tuple[float, ...] = (2.0, 1.4, 0.98, 0.686)
    beta: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", tuple(self.weights))
        if len(self.weights) != len(SCALES) or self.weights[0] <= 0:
            raise ValueError(
                "`weights` must be four numbers, of full resolution first and that one "
                f"positive, got {self.weights}. An output without a loss is noise."
            )

    def __call__(
        self, pyramid: Sequence[Tensor], depth: Tensor, limits: tuple[float, float]
    ) -> dict[str, Tensor]:
        """The weighted losses by name.

        Args:
            pyramid: Four predictions (B, h, w), coarse to fine, the last (B, H, W).
            depth: (B, H, W) true z-depth in metres, 0 missing.
            limits: Smallest and largest depth that counts, metres.

        Returns:
            ``loss_depth_1``, ``_2``, ``_4``, ``_8``: scalars, connected also where
            nothing is valid.

        Raises:
            ValueError: If there are not four predictions, or the last has not the size
                of ``depth``.
        """
        sizes = [tuple(pred.shape[-2:]) for pred in pyramid]
        if len(sizes) != len(SCALES) or sizes[-1] != tuple(depth.shape[-2:]):
            raise ValueError(
                "`pyramid` must hold four depths, coarse to fine, the last "
                f"{tuple(depth.shape[-2:])}, got {sizes}."
            )
        losses = {}
        for pred, scale, weight in zip(pyramid, SCALES, self.weights[::-1]):
            truth, valid = shrink(depth, pred.shape[-2:], limits)
            loss = masked_smooth_l1(pred[..., None], truth[..., None], valid, self.beta)
            losses[f"loss_depth_{scale}"] = weight * loss
        return losses


def shrink(
    depth: Tensor, size: Sequence[int], limits: tuple[float, float]
) -> tuple[Tensor, Tensor]:
    """True depth (B, h, w) at a smaller size, and bool where it is within the limits.

    That of the pixel of ``depth`` (B, H, W) nearest to each centre: between an object
    and the wall behind it, or beside a hole, there is no surface to average.
    """
    small = functional.interpolate(depth[:, None], list(size), mode="nearest-exact")
    small = small[:, 0]
    return small, (small >= limits[0]) & (small <= limits[1])


@dataclass(frozen=True)
class SmoothnessLoss:
    """Steps of the depth, forgiven where the image has an edge.

    mean(|dx D| exp(-s mean_c |dx I|) + |dy D| exp(-s mean_c |dy I|)), I in [0, 1].

    Attributes:
        weight: Factor of the term in the total loss.
        sharpness: s; the larger, the fainter an edge that forgives.
        relative: Whether D is divided by its mean over the image first.
    """

    weight: float = 1.0
    sharpness: float = 1.0
    relative: bool = False

    def __call__(self, depth: Tensor, image: Tensor) -> Tensor:
        """The loss, not weighted by ``weight``.

        Args:
            depth: (B, H, W) predicted depth, metres.
            image: (B, 3, H, W) in [0, 1].
        """
        if self.relative:
            mean = depth.mean((1, 2), keepdim=True)
            depth = depth / mean.clamp(min=torch.finfo(depth.dtype).eps)
        total = depth.new_zeros(())
        for axis in (-1, -2):
            step = depth.diff(dim=axis).abs()
            edge = image.diff(dim=axis).abs().mean(1)
            total = total + (step * torch.exp(-self.sharpness * edge)).mean()
        return total


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """Mean of the values where ``mask`` holds; 0 in the graph where it is empty.

    Values outside the mask may be anything, NaN included.
    """
    kept = torch.where(mask, values, torch.zeros_like(values))
    return kept.sum() / mask.sum().clamp(min=1)


def masked_smooth_l1(pred: Tensor, truth: Tensor, mask: Tensor, beta: float) -> Tensor:
    """Mean smooth L1 distance of (..., C) where ``mask`` (...) holds, and over C.

    Both sides are replaced before they are compared, not after: the slope of a NaN
    would be NaN even with weight 0. Below ``beta``, in the unit of ``pred``, it is
    quadratic; where nothing is valid it is 0 and connected to ``pred``.
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
