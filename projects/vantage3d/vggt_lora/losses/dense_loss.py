"""Loss of a map with confidence: depth or points."""

from dataclasses import dataclass

from torch import Tensor

from vantage3d.checks import check_choice
from vantage3d.vggt_lora.losses.surface_losses import (
    gradient_loss,
    multi_scale,
    normal_loss,
)
from vantage3d.vggt_lora.losses.weighting import MAX_RESIDUAL, filtered_mean

# Name of the term on neighbours: function and number of scales.
SURFACE = {"grad": (gradient_loss, 4), "normal": (normal_loss, 3)}


@dataclass(frozen=True)
class DenseLoss:
    """Residual, residual by confidence, and a term on neighbouring pixels.

    With residual r and confidence c the second is ``gamma r c - alpha log c``: least
    for c = alpha / r, and negative where the network is sure. Watch the plain residual.

    Attributes:
        weight: Factor of the three terms in the total loss.
        gradient_loss_fn: "grad" (any map) or "normal" (points), None for neither.
        gamma: Factor of the residual by confidence.
        alpha: Factor of the logarithm.
        valid_range: Share of residuals kept, the smallest; not positive keeps all.
        min_valid: Valid pixels that a frame needs to count.

    Raises:
        ValueError: If ``gradient_loss_fn`` is another.
    """

    weight: float = 1.0
    gradient_loss_fn: str | None = "grad"
    gamma: float = 1.0
    alpha: float = 0.2
    valid_range: float = 0.98
    min_valid: int = 100

    def __post_init__(self) -> None:
        check_choice("gradient_loss_fn", self.gradient_loss_fn, (*SURFACE, None))

    def __call__(
        self, pred: Tensor, target: Tensor, conf: Tensor, mask: Tensor, weights: Tensor
    ) -> dict[str, Tensor]:
        """The terms, none of them weighted by ``weight``.

        Args:
            pred: (B, S, H, W, C) prediction.
            target: (B, S, H, W, C) truth, finite where valid.
            conf: (B, S, H, W) positive confidence.
            mask: (B, S, H, W) bool.
            weights: (B, S, H, W) non-negative; only their ratios matter.

        Returns:
            Scalars ``conf``, ``reg`` and, unless switched off, ``grad``; 0 and
            connected to the graph if no pixel is valid.
        """
        residual = (pred[mask] - target[mask]).norm(dim=-1).clamp(max=MAX_RESIDUAL)
        sure = conf[mask]
        by_conf = self.gamma * residual * sure - self.alpha * sure.log()
        shares = weights[mask]
        terms = {
            "conf": filtered_mean(by_conf, shares, self.valid_range),
            "reg": filtered_mean(residual, shares, self.valid_range),
        }
        if self.gradient_loss_fn is not None:
            loss, scales = SURFACE[self.gradient_loss_fn]
            maps = (image.flatten(0, 1) for image in (pred, target, mask, weights))
            terms["grad"] = multi_scale(loss, scales, *maps)
        return terms
