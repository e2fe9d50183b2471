"""The training objective of DELTAS: five terms, weighted."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vantage3d.deltas.correspondences import (
    OcclusionRule,
    TrueMatches,
    TruePoints,
    true_matches,
    true_points,
)
from vantage3d.deltas.losses.depth_losses import (
    DepthLoss,
    MatchLoss,
    PointLoss,
    SmoothnessLoss,
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
        occlusion: Arguments of :class:`OcclusionRule`.

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
        occlusion: dict | None = None,
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
        self.occlusion = OcclusionRule(**(occlusion or {}))

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
