"""Depth at scattered points, such as COLMAP's, whatever unit the network uses."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vantage3d.vggt_lora.losses.weighting import filtered_mean, supervised_frames

MIN_DEPTH = 1e-6


@dataclass(frozen=True)
class SparsePointLoss:
    """Absolute difference of logarithms after removing each sample's median.

    A few hundred points do not tell the mean distance of a scene, by which
    :func:`normalize_scene` fixes the unit. So the unit is left to the network here, one
    per sample: only the ratios of depths within and between frames are supervised.

    Attributes:
        weight: Factor of the term in the total loss.
        valid_range: Share of residuals kept, the smallest; not positive keeps all.
        min_valid: Points that a frame needs to count.
    """

    weight: float = 1.0
    valid_range: float = 0.98
    min_valid: int = 10

    def __call__(
        self, depth: Tensor, target: Tensor, mask: Tensor, weights: Tensor
    ) -> Tensor:
        """The loss, not weighted by ``weight``.

        Args:
            depth: (B, S, H, W) positive predicted depth.
            target: (B, S, H, W) z-depth in metres.
            mask: (B, S, H, W) bool, where there is a point.
            weights: (B, S, H, W) non-negative.

        Returns:
            Scalar; 0 and connected to the graph if no frame counts.
        """
        mask = mask & supervised_frames(mask, self.min_valid)[..., None, None]
        residuals = []
        for pred, truth, points in zip(depth, target, mask):
            logs = pred[points].clamp(min=MIN_DEPTH).log() - truth[points].log()
            unit = logs.detach().median() if len(logs) else 0.0
            residuals.append((logs - unit).abs())
        return filtered_mean(torch.cat(residuals), weights[mask], self.valid_range)
