"""Losses of depth and points: dense maps with confidence, and scattered points.

Maps are (N, H, W, C), masks and weights (N, H, W). Coarser scales of the terms on
neighbours take every second, fourth, ... pixel.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from vantage3d.checks import check_choice
from vantage3d.vggt_lora.losses.weighting import (
    MAX_RESIDUAL,
    filtered_mean,
    supervised_frames,
    weighted_mean,
)

MIN_NORMALS = 10
MIN_DEPTH = 1e-6


def gradient_loss(
    pred: Tensor, target: Tensor, mask: Tensor, weights: Tensor
) -> Tensor:
    """Absolute differences of the error between neighbours, both ways.

    A pair counts where both pixels are valid, with the smaller of their weights; the
    sum is divided by the weights of all valid pixels. Prediction and truth are
    (N, H, W, C), weights not negative.
    """
    error = torch.where(mask[..., None], pred - target, 0)
    weights = weights * mask
    total = pred.flatten()[:0].sum()
    for axis in (1, 2):
        size = error.shape[axis] - 1
        first, second = error.narrow(axis, 0, size), error.narrow(axis, 1, size)
        share = torch.minimum(
            weights.narrow(axis, 0, size), weights.narrow(axis, 1, size)
        )
        steps = (second - first).abs().clamp(max=MAX_RESIDUAL)
        total = total + (steps * share[..., None]).sum()
    tiny = torch.finfo(weights.dtype).tiny
    return total / (weights.sum() * pred.shape[-1]).clamp(min=tiny)


def normal_loss(pred: Tensor, target: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
    """One minus the cosine between normals of predicted and true points (N, H, W, 3).

    Weights are not negative. The scalar is 0 with fewer than 10 normals.
    """
    valid = corner_validity(mask)
    target = torch.where(mask[..., None], target, 0)
    cosine = (corner_normals(pred) * corner_normals(target)).sum(-1)
    if valid.sum() < MIN_NORMALS:
        valid = torch.zeros_like(valid)
    return weighted_mean(1 - cosine[valid], weights.expand_as(valid)[valid])


def corner_normals(points: Tensor) -> Tensor:
    """(4, N, H, W, 3) unit normals of the corners of each pixel with its neighbours.

    Of points (N, H, W, 3): up x left, left x down, down x right, right x up; only those
    of :func:`corner_validity` mean something.
    """
    padded = functional.pad(points, (0, 0, 1, 1, 1, 1))
    centre = padded[:, 1:-1, 1:-1]
    up, left, down, right = (around - centre for around in _around(padded))
    firsts = torch.stack([up, left, down, right])
    seconds = torch.stack([left, down, right, up])
    return functional.normalize(torch.linalg.cross(firsts, seconds), dim=-1, eps=1e-6)


def corner_validity(mask: Tensor) -> Tensor:
    """(4, N, H, W) bool: pixel and both neighbours of a corner are valid."""
    up, left, down, right = _around(functional.pad(mask, (1, 1, 1, 1)))
    pairs = [up & left, left & down, down & right, right & up]
    return torch.stack(pairs) & mask


def _around(padded: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The pixels above, left of, below and right of each pixel."""
    return (
        padded[:, :-2, 1:-1],
        padded[:, 1:-1, :-2],
        padded[:, 2:, 1:-1],
        padded[:, 1:-1, 2:],
    )


# Name of the term on neighbours: function and number of scales.
SURFACE = {"grad": (gradient_loss, 4), "normal": (normal_loss, 3)}


def over_scales(name: str, *maps: Tensor) -> Tensor:
    """Mean of a term of ``SURFACE`` over its scales; ``maps`` are its arguments."""
    loss, scales = SURFACE[name]
    steps = [2**scale for scale in range(scales)]
    parts = [loss(*(x[:, ::step, ::step] for x in maps)) for step in steps]
    return torch.stack(parts).mean()


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
            maps = [image.flatten(0, 1) for image in (pred, target, mask, weights)]
            terms["grad"] = over_scales(self.gradient_loss_fn, *maps)
        return terms


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
        """The loss, not weighted by ``weight``; 0 in the graph if no frame counts.

        Args:
            depth: (B, S, H, W) positive predicted depth.
            target: (B, S, H, W) z-depth in metres.
            mask: (B, S, H, W) bool, where there is a point.
            weights: (B, S, H, W) non-negative.
        """
        mask = mask & supervised_frames(mask, self.min_valid)[..., None, None]
        residuals = []
        for pred, truth, points in zip(depth, target, mask):
            logs = pred[points].clamp(min=MIN_DEPTH).log() - truth[points].log()
            unit = logs.detach().median() if len(logs) else 0.0
            residuals.append((logs - unit).abs())
        return filtered_mean(torch.cat(residuals), weights[mask], self.valid_range)
