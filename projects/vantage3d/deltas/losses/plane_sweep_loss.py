"""The objective of the plane sweep: DELTAS' losses of dense depth, and the planes'."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from vantage3d.deltas.losses.deltas_loss import (
    DepthLoss,
    SmoothnessLoss,
    masked_smooth_l1,
    shrink,
)
from vantage3d.registry import MODELS


@MODELS.register_module()
class PlaneSweepLoss(nn.Module):
    """Weighted sum of terms; it has no parameters.

    Args:
        depth: Arguments of :class:`DepthLoss`.
        smoothness: Arguments of :class:`SmoothnessLoss`.
        planes: Factor of the planes' own depth, smooth L1 in metres, in the place of
            DELTAS' term of points.
        limits: Smallest and largest true depth that counts, metres.
    """

    def __init__(
        self,
        depth: dict | None = None,
        smoothness: dict | None = None,
        planes: float = 2.0,
        limits: tuple[float, float] = (0.5, 10.0),
    ) -> None:
        super().__init__()
        self.depth = DepthLoss(**(depth or {}))
        self.smoothness = SmoothnessLoss(**(smoothness or {}))
        self.planes, self.limits = planes, (limits[0], limits[1])

    def forward(
        self, outputs: Mapping[str, Any], batch: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        """Losses of a batch, all of which make up the objective."""
        with torch.autocast(batch["depth"].device.type, enabled=False):
            truth, pyramid = batch["depth"][:, 0], outputs["depth_pyramid"]
            pyramid = [scale[:, 0].float() for scale in pyramid]
            losses = self.depth(pyramid, truth, self.limits)
            swept = outputs["plane_depth"].float()
            small, valid = shrink(truth, swept.shape[-2:], self.limits)
            losses["loss_planes"] = self.planes * masked_smooth_l1(
                swept[..., None], small[..., None], valid, self.depth.beta
            )
            losses["loss_smoothness"] = self.smoothness.weight * self.smoothness(
                pyramid[-1], batch["images"][:, 0]
            )
        return losses
