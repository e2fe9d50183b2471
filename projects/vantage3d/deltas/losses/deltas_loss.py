"""The training objective of DELTAS: five terms, weighted.

Beside those of interest points they are losses of matches in the images, of points in
space and of the dense depth. Means over masks stay in the graph when nothing is valid.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vantage3d.deltas.correspondences import (
    TrueMatches,
    TruePoints,
    true_matches,
    true_points,
)
from vantage3d.deltas.losses.interest_points import InterestPointLoss
from vantage3d.registry import MODELS, TASK_UTILS

Losses = dict[str, Tensor]


@MODELS.register_module()
class DeltasLoss(nn.Module):
    """Weighted sum of the terms that are given; it has no parameters.

    Weights and definitions are the published recipe's as far as it is known
    (docs/deltas.md); what it leaves open is an argument.

    Args:
        interest: Arguments of :class:`InterestPointLoss`; ``teacher`` is a config.
        matches: Arguments of :class:`MatchLoss`.
        points: Arguments of :class:`PointLoss`.
        smoothness: Arguments of :class:`SmoothnessLoss`.
        depth: Arguments of :class:`DepthLoss`; the only term that is always there.
        limits: Smallest and largest true depth that counts, metres.
        occlusion: Relative difference from the depth of a view with which it still
            sees a point; see :func:`true_matches`.

    Raises:
        ValueError: If ``limits`` is no positive interval.
    """

    def __init__(
        self,
        interest: dict | None = None,
        matches: dict | None = None,
        points: dict | None = None,
        smoothness: dict | None = None,
        depth: dict | None = None,
        limits: tuple[float, float] = (0.5, 10.0),
        occlusion: float = 0.05,
    ) -> None:
        super().__init__()
        if not 0 < limits[0] < limits[1]:
            raise ValueError(
                f"`limits` must be 0 < smallest < largest metres, got {tuple(limits)}."
            )
        self.interest = None
        if interest is not None:
            teacher = TASK_UTILS.build(interest["teacher"])
            self.interest = InterestPointLoss(**{**interest, "teacher": teacher})
        self.matches = None if matches is None else MatchLoss(**matches)
        self.points = None if points is None else PointLoss(**points)
        self.smoothness = None if smoothness is None else SmoothnessLoss(**smoothness)
        self.depth = DepthLoss(**(depth or {}))
        self.limits = (limits[0], limits[1])
        self.occlusion = occlusion

    def forward(
        self, outputs: Mapping[str, Any], batch: Mapping[str, Tensor]
    ) -> Losses:
        """Losses of a batch; those with "loss" in their key make up the objective.

        Everything is computed in float32, under autocast too: half precision would
        round the truth to centimetres.

        Args:
            outputs: What the network returned, see :mod:`vantage3d.deltas.models`.
            batch: Images, depths and cameras of the views, see there.

        Returns:
            Scalars, every loss connected to the graph also where nothing is valid;
            beside them ``true_points`` and ``true_matches``, the shares of keypoints
            and matches that could be supervised, and ``triangulated``, the share of
            keypoints that got a point.
        """
        with torch.autocast(batch["depth"].device.type, enabled=False):
            depth, K, keypoints = batch["depth"], batch["K"], outputs["keypoints"]
            points = true_points(keypoints, depth[:, 0], K[:, 0], self.limits)
            matches = true_matches(points, depth, K, batch["cam2world"], self.occlusion)
            losses = self._losses(outputs, batch, points, matches)
        return losses | {
            "true_points": points.valid.float().mean(),
            "true_matches": matches.valid.float().mean(),
            "triangulated": outputs["point_valid"].float().mean(),
        }

    def _losses(
        self,
        outputs: Mapping[str, Any],
        batch: Mapping[str, Tensor],
        points: TruePoints,
        matches: TrueMatches,
    ) -> Losses:
        truth, images = batch["depth"][:, 0], batch["images"]
        pyramid = [scale[:, 0].float() for scale in outputs["depth_pyramid"]]
        losses = self.depth(pyramid, truth, self.limits)
        if self.interest is not None:
            logits = outputs["score_logits"].float()  # of the anchor, or every view
            seen = images[:, : logits.shape[1]]
            losses["loss_interest"] = self.interest.weight * self.interest(
                logits.flatten(0, 1), seen.flatten(0, 1)
            )
        if self.matches is not None:
            losses["loss_matches"] = self.matches.weight * self.matches(
                outputs["matches"].float(), outputs["range_kp"], matches
            )
        if self.points is not None:
            losses["loss_points"] = self.points.weight * self.points(
                outputs["points_anchor"].float(), outputs["point_valid"], points
            )
        if self.smoothness is not None:
            losses["loss_smoothness"] = self.smoothness.weight * self.smoothness(
                pyramid[-1], images[:, 0]
            )
        return losses


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
    """

    weight: float = 1.0
    sharpness: float = 1.0

    def __call__(self, depth: Tensor, image: Tensor) -> Tensor:
        """The loss, not weighted by ``weight``.

        Args:
            depth: (B, H, W) predicted depth, metres.
            image: (B, 3, H, W) in [0, 1].
        """
        total = depth.new_zeros(())
        for axis in (-1, -2):
            step = depth.diff(dim=axis).abs()
            edge = image.diff(dim=axis).abs().mean(1)
            total = total + (step * torch.exp(-self.sharpness * edge)).mean()
        return total


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
    return distance.sum() / mask.sum().clamp(min=1)
