"""What segmenters take from depth, and the size of image that they work at."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

WORKING_WIDTH = 320
DEPTH_UNIT = 0.05  # 5 % of the depth is a clear border


def at_working_size(
    depth: NDArray[np.float32], segment: Callable[[int], NDArray[np.integer]]
) -> NDArray[np.integer]:
    """Superpoints of a segmenter that works at about ``WORKING_WIDTH`` pixels of width.

    Args:
        depth: (H, W) z-depth in metres, 0 where missing.
        segment: From a step to the superpoints of every step-th pixel both ways, at
            least H // step rows and W // step columns; called if there is any depth.

    Returns:
        (H, W) superpoints, -1 where depth is missing.
    """
    if not (depth > 0).any():
        return np.full(depth.shape, -1)
    height, width = depth.shape
    step = max(1, round(width / WORKING_WIDTH))
    small = segment(step)
    rows = np.minimum(np.arange(height) // step, small.shape[0] - 1)
    columns = np.minimum(np.arange(width) // step, small.shape[1] - 1)
    return np.where(depth > 0, small[rows[:, None], columns], -1)


def fill_depth(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) depth with holes filled from the nearest pixel and speckles removed."""
    missing = depth <= 0
    if missing.any():
        nearest = distance_transform_edt(
            missing, return_distances=False, return_indices=True
        )
        depth = depth[tuple(nearest)]
    return cv2.medianBlur(depth, 5)


def surface_normals(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 3) unit normals, with a field of view that is usual for RGB-D cameras.

    Inverse depth is affine in the pixel on any plane, so its gradient gives the normal:
    n ~ (f dw/dx, f dw/dy, w - x dw/dx - y dw/dy) for w = 1/z and x, y from the centre.
    """
    height, width = depth.shape
    focal = 0.9 * width
    w = cv2.GaussianBlur(1 / depth, (0, 0), 1.0)
    dx = cv2.Sobel(w, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    dy = cv2.Sobel(w, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    x = np.arange(width, dtype=np.float32) - (width - 1) / 2
    y = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2
    normals = np.stack([focal * dx, focal * dy, w - x * dx - y * dy], axis=2)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    # The filters reach over the edge of the image: take the normals from inside.
    edge = min(3, (min(height, width) - 1) // 2)
    inside = normals[edge : height - edge, edge : width - edge]
    return np.pad(inside, ((edge, edge), (edge, edge), (0, 0)), mode="edge")
