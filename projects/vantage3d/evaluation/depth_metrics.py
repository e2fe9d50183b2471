"""Errors of a depth map over any set of pixels in float64, and what aligns it first.

p is the predicted depth, g the true one, d = ln p - ln g:

    abs_rel  mean |p - g| / g         rmse_log  sqrt mean d^2
    sq_rel   mean (p - g)^2 / g       si_log    sqrt (mean d^2 - (mean d)^2)
    rmse     sqrt mean (p - g)^2      deltak    share with max(p / g, g / p) < 1.25^k
    mae      mean |p - g|

This is the only place where they are computed. Each pixel's errors are computed once
and summed by the set (a class, say) that the pixel belongs to; the sums of a union of
sets are the sums of the sets.

A network without metric scale is judged after one of these alignments, p being the
prediction and both over the valid pixels:

    none         g ~ p
    scale        least squares: s = sum(p g) / sum(p^2)
    median       s = median(g) / median(p)
    log_median   s = exp(median(ln g - ln p))
    scale_shift  least squares: s = cov(p, g) / var(p), b = mean(g) - s mean(p)
    robust       Tukey's biweight of the relative errors (s p - g) / g, from log_median;
                 of more than 65536 pixels, their quantiles in p / g
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_choice, check_shape

ERRORS = (
    "abs_rel", "sq_rel", "rmse", "rmse_log", "si_log", "mae",
    "delta1", "delta2", "delta3",
)  # fmt: skip
DELTA = 1.25
Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Rows = Sequence[int] | NDArray[np.integer[Any]] | slice
# Variance of a prediction, relative to its squared mean, that tells nothing of a shift.
CONSTANT = 1e-12
# Relative error that is no error, and the reweightings after which we stop anyway.
ROUNDING, ITERATIONS = 1e-12, 50
QUANTILES = 2**16  # that "robust" is fitted to


class ErrorSums(NamedTuple):
    """Sums of the errors of the pixels of G sets, (G,) each.

    Attributes:
        pixels: Number of pixels.
        usable: Number of pixels whose prediction is finite and positive; the sums below
            are over these.
        relative: |p - g| / g.
        squared_relative: (p - g)^2 / g, metres.
        squared: (p - g)^2, square metres.
        absolute: |p - g|, metres.
        log: d - ``centre``.
        squared_log: (d - ``centre``)^2.
        within1, within2, within3: Number with a ratio below 1.25, 1.25^2, 1.25^3.
        centre: The mean of d over all pixels, a number: the variance of d is exact only
            about a value near its mean.
    """

    pixels: NDArray[np.int64]
    usable: NDArray[np.int64]
    relative: Floats
    squared_relative: Floats
    squared: Floats
    absolute: Floats
    log: Floats
    squared_log: Floats
    within1: Floats
    within2: Floats
    within3: Floats
    centre: float

    def metrics(self, rows: Rows = slice(None)) -> dict[str, float]:
        """The :data:`ERRORS` of the union of some sets.

        Pixels with an unusable prediction miss every delta and take no part in the
        others, which are NaN without a usable one.
        """
        arrays = dict(zip(self._fields[:-1], self[:-1]))
        total = {name: float(array[rows].sum()) for name, array in arrays.items()}
        found = dict.fromkeys(ERRORS, float("nan"))
        if total["pixels"]:
            for k in (1, 2, 3):
                found[f"delta{k}"] = total[f"within{k}"] / total["pixels"]
        if total["usable"]:
            mean = {name: value / total["usable"] for name, value in total.items()}
            variance = max(mean["squared_log"] - mean["log"] ** 2, 0.0)
            square_log = variance + (mean["log"] + self.centre) ** 2
            found["abs_rel"] = mean["relative"]
            found["sq_rel"] = mean["squared_relative"]
            found["rmse"] = float(np.sqrt(mean["squared"]))
            found["rmse_log"] = float(np.sqrt(square_log))
            found["si_log"] = float(np.sqrt(variance))
            found["mae"] = mean["absolute"]
        return found

    def unusable(self, rows: Rows = slice(None)) -> int:
        """Number of pixels of a union of sets whose prediction is not usable."""
        return int(self.pixels[rows].sum()) - int(self.usable[rows].sum())


def sum_errors(
    pred: Floats, truth: Floats, sets: NDArray[np.integer[Any]], count: int
) -> tuple[ErrorSums, Floats, Mask]:
    """Errors of pixels, summed by the set that each belongs to.

    Args:
        pred: (N,) aligned predictions, metres; unusable ones are counted.
        truth: (N,) true depths, metres, positive.
        sets: (N,) number of the set of each pixel, 0..count - 1.
        count: Number of sets, G.

    Returns:
        The sums, the relative errors |p - g| / g of the M usable pixels, and (N,) which
        pixels those are.

    Raises:
        ValueError: If the lengths disagree.
    """
    dims = check_shape("truth", truth, "N")
    check_shape("pred", pred, "N", dims=dims)
    check_shape("sets", sets, "N", dims=dims)
    good = usable(pred)
    pixels = np.bincount(sets, minlength=count)
    if not good.all():
        pred, truth, sets = pred[good], truth[good], sets[good]
    error, quotient = pred - truth, pred / truth
    size, square, log = np.abs(error), np.square(error), np.log(quotient)
    relative, ratio = size / truth, np.maximum(quotient, truth / pred)
    centre = float(log.mean()) if len(pred) else 0.0
    off = log - centre

    def total(values: NDArray[Any]) -> Floats:
        return np.bincount(sets, values, count).astype(np.float64, copy=False)

    sums = ErrorSums(
        pixels=pixels,
        usable=np.bincount(sets, minlength=count),
        relative=total(relative),
        squared_relative=total(square / truth),
        squared=total(square),
        absolute=total(size),
        log=total(off),
        squared_log=total(np.square(off)),
        within1=total(ratio < DELTA),
        within2=total(ratio < DELTA**2),
        within3=total(ratio < DELTA**3),
        centre=centre,
    )
    return sums, relative, good


def depth_errors(pred: Floats, truth: Floats, mask: Mask) -> dict[str, float]:
    """Every error over the pixels of ``mask`` together.

    A prediction that is not finite or not positive has no logarithm and no ratio: it is
    counted in ``bad_pixels``, misses every delta, and takes no part in the others.

    Args:
        pred: (..., H, W) z-depth in metres, aligned if it shall be.
        truth: (..., H, W) z-depth in metres.
        mask: (..., H, W) bool, the pixels to evaluate.

    Returns:
        The :data:`ERRORS`, ``pixels`` (of the mask) and ``bad_pixels``; an error is NaN
        where no pixel takes part.

    Raises:
        ValueError: If shapes disagree, or the truth in the mask is not positive.
    """
    p, g = masked_pairs(pred, truth, mask)
    sums, _, _ = sum_errors(p, g, np.zeros(len(p), np.int64), 1)
    counts = {"pixels": float(len(p)), "bad_pixels": float(sums.unusable())}
    return {**sums.metrics(), **counts}


def masked_pairs(pred: Floats, truth: Floats, mask: Mask) -> tuple[Floats, Floats]:
    """(N,) float64 predicted and true depths of the pixels of ``mask``.

    Raises:
        ValueError: If shapes disagree, or the truth in the mask is not positive.
    """
    spec = " ".join(str(size) for size in truth.shape)
    check_shape("pred", pred, spec, fix="Resize the prediction to the truth.")
    check_shape("mask", mask, spec)
    p, g = pred[mask].astype(np.float64), truth[mask].astype(np.float64)
    wrong = ~usable(g)
    if wrong.any():
        raise ValueError(
            f"`truth` must be positive and finite inside `mask`, got {g[wrong][0]} "
            f"({int(wrong.sum())} of {len(g)} pixels). Leave missing depth out of it."
        )
    return p, g


def usable(depth: Floats) -> Mask:
    """Where a depth is finite and positive."""
    return np.isfinite(depth) & (depth > 0)


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

    Predictions that are not finite or not positive take no part. One alignment for all
    frames of a window is the honest choice for a model of several views: their relative
    scale is part of the answer.

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
