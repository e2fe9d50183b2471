"""Scattered points on a pixel grid, and holes in one."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt


def z_buffer(
    depth: NDArray[np.floating], pixels: NDArray[np.intp], size: tuple[int, int]
) -> NDArray[np.float32]:
    """(H, W) nearest depth of each pixel, 0 where none.

    Args:
        depth: (M,) metres.
        pixels: (M,) pixel of each, counted along rows.
        size: (W, H).
    """
    buffer = np.full(size[0] * size[1], np.inf, np.float32)
    np.minimum.at(buffer, pixels, depth.astype(np.float32))
    buffer[np.isinf(buffer)] = 0
    return buffer.reshape(size[1], size[0])


def fill_holes(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) depth with that of the nearest pixel where it is 0; there must be some."""
    missing = depth <= 0
    if not missing.any():
        return depth
    nearest = distance_transform_edt(
        missing, return_distances=False, return_indices=True
    )
    return depth[tuple(nearest)]
