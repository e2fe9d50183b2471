"""Depth errors of many sets of pixels in one pass: sums that add up.

A frame has the metrics of :mod:`depth_metrics` for all pixels, for buildings, for what
is no building, and for every class. Each pixel's errors are computed once and summed by
class; the sums of a union of classes are the sums of the classes.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_shape
from vantage3d.evaluation.depth_metrics import DELTA, Floats, usable

ERROR_NAMES = (
    "abs_rel", "sq_rel", "rmse", "rmse_log", "si_log", "mae",
    "delta1", "delta2", "delta3",
)  # fmt: skip


class PixelErrors(NamedTuple):
    """Errors of N pixels whose prediction is usable.

    Attributes:
        error: (N,) p - g, metres.
        abs_rel: (N,) |p - g| / g.
        log: (N,) ln p - ln g.
        ratio: (N,) max(p / g, g / p).
    """

    error: Floats
    abs_rel: Floats
    log: Floats
    ratio: Floats


class ErrorSums(NamedTuple):
    """Sums of the errors of G sets of pixels.

    Attributes:
        pixels: (G,) all pixels.
        sums: (G, 10) over the usable ones: their number, |e|/g, e^2/g, e^2, (d - c)^2,
            d - c, |e|, and the number with a ratio below 1.25, 1.25^2, 1.25^3.
        centre: c, the mean of d = ln p - ln g over all pixels; the variance of d is
            exact only about a value near its mean.
    """

    pixels: NDArray[np.int64]
    sums: Floats
    centre: float

    def metrics(self, rows: Sequence[int] | slice = slice(None)) -> dict[str, float]:
        """The metrics of the union of some sets.

        Returns:
            :data:`ERROR_NAMES`, SIlog not multiplied by 100. Pixels with an unusable
            prediction miss every delta; without a usable one the others are NaN.
        """
        total = self.sums[rows].sum(axis=0)
        pixels = float(self.pixels[rows].sum())
        return dict(zip(ERROR_NAMES, _means(total, pixels, self.centre)))

    def counts(self, rows: Sequence[int] | slice = slice(None)) -> tuple[int, int]:
        """Pixels, and those whose prediction is not usable, of a union of sets."""
        pixels = int(self.pixels[rows].sum())
        return pixels, pixels - int(self.sums[rows][..., 0].sum())


def pixel_errors(pred: Floats, truth: Floats) -> PixelErrors:
    """Errors of (N,) positive finite predictions, float64, metres."""
    error, ratio = pred - truth, pred / truth
    return PixelErrors(
        error, np.abs(error) / truth, np.log(ratio), np.maximum(ratio, truth / pred)
    )


def sum_errors(
    pred: Floats, truth: Floats, sets: NDArray[np.integer[Any]], count: int
) -> tuple[ErrorSums, PixelErrors, NDArray[np.bool_]]:
    """Errors of pixels, summed by the set that each belongs to.

    Args:
        pred: (N,) aligned predictions, metres; unusable ones are counted.
        truth: (N,) true depths, metres, positive.
        sets: (N,) number of the set of each pixel, 0..count - 1.
        count: Sets, G.

    Returns:
        The sums, the errors of the M usable pixels, and (N,) which those are.

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
    errors = pixel_errors(pred, truth)
    centre = float(errors.log.mean()) if len(pred) else 0.0
    off, square = errors.log - centre, np.square(errors.error)
    columns = (
        None, errors.abs_rel, square / truth, square, np.square(off), off,
        np.abs(errors.error), *(errors.ratio < DELTA**k for k in (1, 2, 3)),
    )  # fmt: skip
    sums = [np.bincount(sets, column, count) for column in columns]
    return ErrorSums(pixels, np.stack(sums, axis=1), centre), errors, good


def _means(total: Floats, pixels: float, centre: float) -> tuple[float, ...]:
    usable_pixels = total[0]
    if not pixels:
        return (np.nan,) * len(ERROR_NAMES)
    deltas = tuple(float(value / pixels) for value in total[7:])
    if not usable_pixels:
        return (*(np.nan,) * 6, *deltas)
    abs_rel, sq_rel, square, log_square, log, mae = total[1:7] / usable_pixels
    variance = max(log_square - log**2, 0.0)
    return (
        float(abs_rel),
        float(sq_rel),
        float(np.sqrt(square)),
        float(np.sqrt(variance + (log + centre) ** 2)),
        float(np.sqrt(variance)),
        float(mae),
        *deltas,
    )
