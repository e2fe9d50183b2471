"""Do depth maps and poses fit? Reprojection from one view into the next tells.

A pose that goes the wrong way (camera-to-world in place of world-to-camera) is still a
rigid transform, and no check of a single matrix finds it. Points of one view, moved
into a neighbour, do: they land on its surface one way and not the other.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid, project, unproject_pixels
from vantage3d.views.frame import Frame

POINTS = 2000  # per view
TOLERANCE = 0.05  # of the depth
# Share of points that agree when poses are taken the other way round, at which they
# are certainly meant so, if they agree this many times less as they are given.
INVERTED, CLEARLY = 0.25, 2.0


class Agreement(NamedTuple):
    """Shares of points that land on the surface of the next view, to 5 %.

    Attributes:
        given: With the poses as they are.
        inverted: With every pose inverted.
    """

    given: float
    inverted: float


def measure_agreement(views: Sequence[Frame]) -> Agreement:
    """Agreement of neighbours in a list of views.

    Args:
        views: At least two, in the order of the sequence.

    Returns:
        Means over neighbouring pairs; NaN with less than two views.
    """
    pairs = list(pairwise(views))
    if not pairs:
        return Agreement(np.nan, np.nan)
    given = [_landed(*pair) for pair in pairs]
    turned = [_landed(*map(_inverted, pair)) for pair in pairs]
    return Agreement(float(np.mean(given)), float(np.mean(turned)))


def check_direction(views: Sequence[Frame], name: str) -> Agreement:
    """Refuse a sequence whose poses are camera-to-world.

    Args:
        views: As in :func:`measure_agreement`.
        name: Of the sequence, for the message.

    Raises:
        ValueError: If points agree only when the poses are inverted.
    """
    found = measure_agreement(views)
    if found.inverted > max(INVERTED, CLEARLY * found.given):
        raise ValueError(
            f"the poses of {name} are camera-to-world: {found.inverted:.0%} of the "
            "points land on the surface of the next view when they are inverted, and "
            f"{found.given:.0%} as given. Expected world-to-camera; invert them"
        )
    return found


def _inverted(view: Frame) -> Frame:
    return view._replace(world2cam=invert_rigid(view.world2cam))


def _landed(first: Frame, second: Frame) -> float:
    """Share of the first view's points that the second sees where they are."""
    pixels = _grid(first.depth)
    depth = first.depth[pixels[:, 1], pixels[:, 0]].astype(np.float64)
    cam2world = invert_rigid(first.world2cam)
    points = unproject_pixels(pixels.astype(np.float64), depth, first.K, cam2world)
    landed, expected = project(points, second.K, second.world2cam)
    size = second.depth.shape[::-1]
    columns, rows = np.clip(np.round(landed), -1, size).astype(int).T
    inside = (expected > 0) & (columns >= 0) & (rows >= 0)
    inside &= (columns < size[0]) & (rows < size[1])
    surface = second.depth[rows[inside], columns[inside]]
    off = np.abs(surface - expected[inside])
    return float((off < TOLERANCE * expected[inside]).sum() / max(len(pixels), 1))


def _grid(depth: NDArray[np.float32]) -> NDArray[np.int64]:
    """(N, 2) pixels (x, y) with depth, about ``POINTS`` of them evenly."""
    rows, columns = np.nonzero(depth)
    step = max(1, len(rows) // POINTS)
    return np.stack([columns, rows], 1)[::step]
