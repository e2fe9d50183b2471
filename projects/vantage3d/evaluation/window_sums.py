"""Sums over the window around every pixel, weighted by powers of the offset."""

from collections.abc import Sequence

import numpy as np

from vantage3d.evaluation.depth_metrics import Floats


def window_sums(
    array: Floats, radius: int, axis: int, powers: Sequence[int] = (0,)
) -> list[Floats]:
    """Sum of offset^power times the values within ``radius`` along one axis.

    Args:
        array: (H, W); beyond it everything is 0.
        radius: Of the window, pixels.
        axis: 0 down the columns, 1 along the rows.
        powers: Which sums are wanted.

    Returns:
        (H, W) float64 for each power.

    Example:
        >>> row = np.array([[1.0, 10, 100]])
        >>> [sums.tolist() for sums in window_sums(row, 1, 1, (0, 1))]
        [[[11.0, 111.0, 110.0]], [[10.0, 99.0, -10.0]]]
    """
    margin = [(0, 0), (0, 0)]
    margin[axis] = (radius, radius)
    padded = np.pad(array, margin)
    sums = [
        np.array(array, np.float64) if p == 0 else np.zeros(array.shape) for p in powers
    ]
    length = array.shape[axis]
    for offset in range(1, radius + 1):
        ahead = _part(padded, axis, radius + offset, length)
        behind = _part(padded, axis, radius - offset, length)
        both = {0: ahead + behind} if any(p % 2 == 0 for p in powers) else {}
        if any(p % 2 for p in powers):
            both[1] = ahead - behind
        for total, power in zip(sums, powers):
            pair = both[power % 2]
            total += pair if offset**power == 1 else pair * float(offset**power)
    return sums


def _part(padded: Floats, axis: int, start: int, length: int) -> Floats:
    span = slice(start, start + length)
    return padded[span] if axis == 0 else padded[:, span]
