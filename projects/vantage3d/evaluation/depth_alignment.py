"""Scale, or scale and shift, that bring a predicted depth onto the true one.

A network without metric scale is judged after one of these. p is the prediction, g the
truth, both over the valid pixels:

    none         g ~ p
    scale        least squares: s = sum(p g) / sum(p^2)
    median       s = median(g) / median(p)
    log_median   s = exp(median(ln g - ln p))
    scale_shift  least squares: s = cov(p, g) / var(p), b = mean(g) - s mean(p)
    robust       Tukey's biweight of the relative errors (s p - g) / g, from log_median;
                 of more than 65536 pixels, their quantiles in p / g
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from vantage3d.checks import check_choice
from vantage3d.evaluation.depth_metrics import Floats, Mask, masked_pairs, usable

# Variance of a prediction, relative to its squared mean, that tells nothing of a shift.
CONSTANT = 1e-12
# Relative error that is no error, and the reweightings after which we stop anyway.
ROUNDING, ITERATIONS = 1e-12, 50
QUANTILES = 2**16  # that "robust" is fitted to


class DepthAlignment(NamedTuple):
    """``aligned = scale * pred + shift``.

    Attributes:
        scale: Metres per unit of the prediction.
        shift: Metres.
    """

    scale: float
    shift: float = 0.0

    def __call__(self, pred: Floats) -> Floats:
        """The aligned prediction, float64."""
        return self.scale * pred.astype(np.float64) + self.shift


def fit_depth(pred: Floats, truth: Floats, mask: Mask, method: str) -> DepthAlignment:
    """Alignment of a prediction by the pixels of ``mask``.

    Predictions that are not finite or not positive take no part.

    Args:
        pred: (..., H, W) predicted depth in any unit.
        truth: (..., H, W) z-depth in metres.
        mask: (..., H, W) bool, the pixels to fit.
        method: One of :data:`ALIGNMENTS`.

    Returns:
        Scale and shift. Of a constant prediction "scale_shift" is the scale alone.

    Raises:
        ValueError: If the method is unknown, shapes disagree, the truth in the mask is
            not positive, or no pixel is left to fit.
    """
    check_choice("method", method, ALIGNMENTS)
    p, g = masked_pairs(pred, truth, mask)
    if method == "none":
        return DepthAlignment(1.0)
    good = usable(p)
    if not good.any():
        raise ValueError(
            f"`mask` must hold a pixel with a positive prediction to fit {method!r}, "
            f"got 0 of {len(p)}. Skip such a window, and count it."
        )
    return ALIGNMENTS[method](p[good], g[good])


def align_depth(pred: Floats, truth: Floats, mask: Mask, method: str) -> Floats:
    """The frames of a window aligned together, by :func:`fit_depth`.

    One alignment per window is the honest choice for a model of several views: their
    relative scale is part of the answer.

    Returns:
        (V, H, W) float64 metres.
    """
    return fit_depth(pred, truth, mask, method)(pred)


def biweights(residuals: Floats) -> Floats:
    """Tukey's weights: 1 at 0, falling to 0 at 4.685 robust standard deviations.

    The deviation is 1.4826 times the median absolute residual, so up to half of the
    residuals may be anything.

    Args:
        residuals: (N,).

    Returns:
        (N,) in 0..1; where half of the residuals are 0, the others weigh 0.
    """
    size = np.abs(residuals)
    limit = 4.685 * 1.4826 * max(float(np.median(size)), ROUNDING)
    return np.square(np.maximum(1 - np.square(size / limit), 0))


def _scale(p: Floats, g: Floats) -> DepthAlignment:
    return DepthAlignment(float(p @ g / (p @ p)))


def _log_median(p: Floats, g: Floats) -> DepthAlignment:
    return DepthAlignment(float(np.exp(np.median(np.log(g) - np.log(p)))))


def _scale_shift(p: Floats, g: Floats) -> DepthAlignment:
    centred = p - p.mean()
    variance = centred @ centred
    if variance <= CONSTANT * (p @ p):
        return _scale(p, g)
    scale = float(centred @ (g - g.mean()) / variance)
    return DepthAlignment(scale, float(g.mean() - scale * p.mean()))


def _robust(p: Floats, g: Floats) -> DepthAlignment:
    ratio = p / g
    if len(ratio) > QUANTILES:  # each stands for as many pixels as the others
        places = (2 * np.arange(QUANTILES) + 1) * len(ratio) // (2 * QUANTILES)
        ratio = np.sort(ratio)[places]
    scale = _log_median(ratio, np.ones_like(ratio)).scale
    for _ in range(ITERATIONS):
        weights = biweights(scale * ratio - 1)
        before, scale = scale, float((weights @ ratio) / (weights @ ratio**2))
        if abs(scale - before) <= ROUNDING * scale:
            break
    return DepthAlignment(scale)


# How (N,) positive predictions are fitted to their true depths, N > 0.
ALIGNMENTS: dict[str, Callable[[Floats, Floats], DepthAlignment]] = {
    "none": lambda p, g: DepthAlignment(1.0),
    "scale": _scale,
    "median": lambda p, g: DepthAlignment(float(np.median(g) / np.median(p))),
    "log_median": _log_median,
    "scale_shift": _scale_shift,
    "robust": _robust,
}
