"""Instances found on some points and judged on others: what online methods report.

A stream finds instances on the points that it drew, or on voxels; the truth of a scene
is labelled on a cloud of its own. Each true point gets what the nearest predicted point
has. ESAM as released takes the nearest however far it is, and then gives every segment
of the mesh to an instance whole or not at all.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from vantage3d.checks import check_choice

LIMIT = 0.1  # metres from a true point beyond which it was not observed
HALF = 0.5  # share of a segment from which all of it belongs to an instance
Floats = NDArray[np.floating]
Bools = NDArray[np.bool_]


class Protocol(NamedTuple):
    """How instances come from the points they were found on to those of the truth.

    Attributes:
        limit: Metres to the nearest point; beyond it nothing was found. None for the
            nearest however far it is.
        smooth: Whether segments of the cloud belong to an instance whole or not at all.
    """

    limit: float | None
    smooth: bool


PROTOCOLS = {
    "nearest": Protocol(None, smooth=False),
    "nearest_smooth": Protocol(None, smooth=True),  # ESAM's, as released
    "near": Protocol(LIMIT, smooth=False),
    "near_smooth": Protocol(LIMIT, smooth=True),
}


def find_protocol(name: str) -> Protocol:
    """The protocol of a name.

    Raises:
        ValueError: If there is none.
    """
    check_choice("protocol", name, PROTOCOLS)
    return PROTOCOLS[name]


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
    rows = cKDTree(points).query(onto, distance_upper_bound=bound)[1]
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
