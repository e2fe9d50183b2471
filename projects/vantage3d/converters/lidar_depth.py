"""Depth maps from accumulated LiDAR points: z-buffer and occlusion clean-up."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from vantage3d.geometry import project


@dataclass(frozen=True)
class CleanUp:
    """When a point lies behind a surface that the scanner only sampled.

    A measurement goes if another one in a small window is nearer by more than
    ``tolerance``, and by more than a plane through the camera's height would explain:
    a road, or a facade along the street, gets nearer by about 1 / d per pixel at d
    pixels from the principal point.

    Attributes:
        rows: Pixels above and below, at 376 rows; scaled with the image.
        columns: Pixels to each side, at 376 rows; scaled with the image.
        tolerance: Share of the nearer depth.
        steepest: Largest share that a slanted surface may explain.
    """

    rows: int = 3
    columns: int = 4
    tolerance: float = 0.05
    steepest: float = 0.2

    def __call__(self, depth: NDArray[np.float32], K: NDArray) -> NDArray[np.float32]:
        """(H, W) depth without what shines through; 0 = missing.

        Args:
            depth: (H, W) metres, 0 = missing.
            K: (3, 3) intrinsics in pixels of ``depth``.
        """
        height, width = depth.shape
        rows = max(1, round(self.rows * height / 376))
        columns = max(1, round(self.columns * height / 376))
        known = np.where(depth > 0, depth, np.inf).astype(np.float32)
        nearest = minimum_filter(known, size=(2 * rows + 1, 2 * columns + 1))
        # Half a pixel more, because measurements are rounded to pixels.
        below, beside = np.arange(height) - K[1, 2], np.arange(width) - K[0, 2]
        down = (rows + 0.5) / np.maximum(np.abs(below), 1.0)[:, None]
        side = (columns + 0.5) / np.maximum(np.abs(beside), 1.0)
        slant = np.minimum(np.maximum(down, side), self.steepest)
        limit = nearest * (1 + np.maximum(slant, self.tolerance))
        return np.where(known <= limit, depth, 0).astype(np.float32)


def visible(
    points: NDArray[np.float64],
    K: NDArray[np.float64],
    world2cam: NDArray[np.float64],
    size: tuple[int, int],
    depth_range: tuple[float, float],
) -> tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.intp]]:
    """Points that fall into an image.

    Args:
        points: (N, 3) world points.
        K: (3, 3) intrinsics in pixels.
        world2cam: (4, 4) float64.
        size: (W, H) of the image.
        depth_range: Least and most metres.

    Returns:
        (M,) which points, (M,) their depth, and (M,) their pixel counted along rows;
        pixels are rounded, as centres are at integers.
    """
    pixels, depth = project(points, K, world2cam)
    near, far = depth_range
    column, row = np.floor(pixels.T + 0.5)
    inside = (depth >= near) & (depth <= far) & (column >= 0) & (column < size[0])
    where = np.flatnonzero(inside & (row >= 0) & (row < size[1]))
    flat = row[where].astype(np.intp) * size[0] + column[where].astype(np.intp)
    return where, depth[where], flat
