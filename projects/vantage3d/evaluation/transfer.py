"""What is known of some points, brought onto others: nearest ones, whole segments."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

HALF = 0.5  # share of a segment from which all of it belongs to an instance
Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]


def nearest_rows(
    points: Floats, onto: Floats, limit: float | None = None
) -> NDArray[np.intp]:
    """(M,) row of the nearest of ``points``, -1 where none is within ``limit``.

    Args:
        points: (N, 3) metres.
        onto: (M, 3) metres, in the same world.
        limit: Metres; None for any distance.
    """
    if not len(points):
        return np.full(len(onto), -1, np.intp)
    bound = np.inf if limit is None else limit
    rows = KDTree(points).query(onto, distance_upper_bound=bound)[1]
    return np.where(rows == len(points), -1, rows)


def transferred(values: NDArray, rows: NDArray[np.intp], missing: Any) -> NDArray:
    """(..., M) values of points (..., N), ``missing`` where rows (M,) are -1."""
    own = np.take(values, np.maximum(rows, 0), axis=-1) if values.shape[-1] else missing
    return np.where(rows >= 0, own, missing)


def smoothed(masks: Bools, segments: NDArray[np.integer]) -> Bools:
    """(P, M) masks of whole segments: those that lie by more than half in a mask."""
    place = np.unique(segments, return_inverse=True)[1]
    sizes = np.bincount(place)
    shares = np.zeros((len(masks), len(sizes)))
    for row, mask in zip(shares, masks):
        row += np.bincount(place[mask], minlength=len(sizes)) / sizes
    return (shares > HALF)[:, place]
