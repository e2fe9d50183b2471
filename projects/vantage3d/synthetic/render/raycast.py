"""Analytic ray casting of convex solids through a pinhole camera."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_shape
from vantage3d.geometry import transform_points
from vantage3d.synthetic.render.solids import EDGES, Floats, Solid

NEAR = 1e-3


class Hits(NamedTuple):
    """What each pixel sees first."""

    depth: Floats  # (H, W) float64 z-depth in metres, 0 where nothing is hit
    solid: NDArray[np.int32]  # (H, W) index of the solid, -1 where nothing is hit


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
    for number, (left, top, right, bottom) in _windows(solids, K, world2cam, size):
        solid, rows, columns = solids[number], slice(top, bottom), slice(left, right)
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


def cast_rays(solids: Sequence[Solid], origin: Floats, rays: Floats) -> Floats:
    """First hits along any rays from one point.

    Args:
        solids: The scene.
        origin: (3,) world metres.
        rays: (N, 3) world directions; with length 1 / z of the camera frame the result
            is a z-depth.

    Returns:
        (N,) multiples of the rays, 0 where nothing is hit.
    """
    nearest = np.full(len(rays), np.inf)
    for solid in solids:
        local = (rays @ solid.rotation).T
        start = solid.rotation.T @ (origin - solid.center)
        enter, leave = solid.interval(start, (local[0], local[1], local[2]))
        closer = (enter <= leave) & (enter > NEAR) & (enter < nearest)
        nearest[closer] = enter[closer]
    return np.where(np.isfinite(nearest), nearest, 0.0)


def _windows(
    solids: Sequence[Solid], K: Floats, world2cam: Floats, size: tuple[int, int]
) -> Iterator[tuple[int, NDArray[np.integer]]]:
    """Index of every solid that may be seen, and its left, top, right, bottom."""
    points = transform_points(world2cam, np.stack([s.corners for s in solids]))
    first, second = points[:, EDGES[:, 0]], points[:, EDGES[:, 1]]
    # Edges that pass the near plane are cut there.
    crossing = (first[..., 2] > NEAR) != (second[..., 2] > NEAR)
    span = np.where(crossing, second[..., 2] - first[..., 2], 1.0)
    cut = first + ((NEAR - first[..., 2]) / span)[..., None] * (second - first)
    front = np.concatenate([points[..., 2] > NEAR, crossing], axis=1)[..., None]
    outline = np.where(front, np.concatenate([points, cut], axis=1), 1.0)
    pixels = outline[..., :2] / outline[..., 2:] * K[[0, 1], [0, 1]] + K[:2, 2]
    low = np.where(front, pixels, np.inf).min(axis=1)
    high = np.where(front, pixels, -np.inf).max(axis=1)
    low, high = np.clip(np.floor(low), 0, size), np.clip(np.ceil(high) + 1, 0, size)
    seen = (low < high).all(axis=1)
    windows = np.concatenate([low, high], axis=1).astype(int)
    yield from zip(np.flatnonzero(seen).tolist(), windows[seen])
