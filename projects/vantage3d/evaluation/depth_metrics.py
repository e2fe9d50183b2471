"""Errors of a depth map over any set of pixels, in float64.

p is the predicted depth, g the true one, d = ln p - ln g:

    abs_rel  mean |p - g| / g         rmse_log  sqrt mean d^2
    sq_rel   mean (p - g)^2 / g       si_log    sqrt (mean d^2 - (mean d)^2)
    rmse     sqrt mean (p - g)^2      deltak    share with max(p / g, g / p) < 1.25^k
    mae      mean |p - g|

This is the only place where they are computed. Each pixel's errors are computed once
and summed by the set (a class, say) that the pixel belongs to; the sums of a union of
sets are the sums of the sets.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_shape

ERRORS = (
    "abs_rel", "sq_rel", "rmse", "rmse_log", "si_log", "mae",
    "delta1", "delta2", "delta3",
)  # fmt: skip
DELTA = 1.25
Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]
Rows = Sequence[int] | NDArray[np.integer[Any]] | slice


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
        within1: Number with a ratio below 1.25.
        within2: Number with a ratio below 1.25^2.
        within3: Number with a ratio below 1.25^3.
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
