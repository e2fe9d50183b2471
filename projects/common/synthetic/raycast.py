"""Analytic ray casting of convex solids through a pinhole camera."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from projects.common.checks import check_shape
from projects.common.geometry import project
from projects.common.synthetic.solids import Floats, Solid

NEAR = 1e-3


class Hits(NamedTuple):
    """What each pixel sees first.

    Attributes:
        depth: (H, W) float64 z-depth in metres, 0 where nothing is hit.
        solid: (H, W) int32 index of the solid, -1 where nothing is hit.
    """

    depth: Floats
    solid: NDArray[np.int32]


def cast(
    solids: Sequence[Solid], K: Floats, world2cam: Floats, size: tuple[int, int]
) -> Hits:
    """Cast one ray through every pixel centre.

    Ray directions have z = 1 in the camera frame, so the ray parameter is the
    z-depth. A solid is tested only inside the rectangle its corners project to.

    Args:
        solids: The scene.
        K: (3, 3) intrinsics in pixels, without skew.
        world2cam: (4, 4), OpenCV axes.
        size: Image width and height in pixels.

    Raises:
        ValueError: If ``K`` or ``world2cam`` have a wrong shape.
    """
    check_shape("K", K, "3 3")
    check_shape("world2cam", world2cam, "4 4")
    width, height = size
    depth = np.full((height, width), np.inf)
    index = np.full((height, width), -1, np.int32)
    xs = (np.arange(width) - K[0, 2]) / K[0, 0]
    ys = (np.arange(height) - K[1, 2]) / K[1, 1]
    cam2world, eye = world2cam[:3, :3].T, -world2cam[:3, :3].T @ world2cam[:3, 3]
    for number, solid in enumerate(solids):
        window = _window(solid, K, world2cam, size)
        if window is None:
            continue
        rows, columns = window
        local = solid.rotation.T @ cam2world
        x, y = xs[columns][None, :], ys[rows][:, None]
        first, second, third = (m[0] * x + m[1] * y + m[2] for m in local)
        origin = solid.rotation.T @ (eye - solid.center)
        enter, leave = solid.interval(origin, (first, second, third))
        view = depth[rows, columns]
        closer = (enter <= leave) & (enter > NEAR) & (enter < view)
        view[closer] = enter[closer]
        index[rows, columns][closer] = number
    depth[index < 0] = 0
    return Hits(depth, index)


def _window(
    solid: Solid, K: Floats, world2cam: Floats, size: tuple[int, int]
) -> tuple[slice, slice] | None:
    """Rows and columns that can see the solid; None if no pixel can."""
    width, height = size
    pixels, depth = project(solid.corners, K, world2cam)
    if (depth <= NEAR).all():
        return None
    if (depth <= NEAR).any():
        return slice(0, height), slice(0, width)
    low = np.clip(np.floor(pixels.min(axis=0)), 0, size).astype(int)
    high = np.clip(np.ceil(pixels.max(axis=0)) + 1, 0, size).astype(int)
    if (low >= high).any():
        return None
    return slice(low[1], high[1]), slice(low[0], high[0])
