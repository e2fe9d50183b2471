"""Colour on the pixel grid of depth, for cameras that are not one."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from vantage3d.geometry import project, scale_intrinsics, unproject
from vantage3d.geometry.grids import ASPECT_TOLERANCE
from vantage3d.geometry.rasters import z_buffer

OCCLUDED = 0.05  # of the depth: a surface that much nearer hides what is behind it
Matrix = NDArray[np.float64]


def register_color(
    color: NDArray[np.uint8],
    K_color: Matrix | None,
    depth: NDArray[np.float32],
    K: Matrix,
    depth2color: Matrix | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Colour of every pixel with depth, and depth without what the colour missed.

    Args:
        color: (h, w, 3) image.
        K_color: (3, 3) in pixels of ``color``; None where both images show one view,
            at any size.
        depth: (H, W) metres, 0 = missing.
        K: (3, 3) in pixels of ``depth``.
        depth2color: (4, 4) from the depth to the colour camera; None where both stand
            in one place.

    Returns:
        (H, W, 3) colours, and (H, W) depth, 0 where no colour was seen.

    Raises:
        ValueError: If both should show one view and have other proportions.
    """
    height, width = depth.shape
    scale_x, scale_y = width / color.shape[1], height / color.shape[0]
    if K_color is None and abs(scale_x / scale_y - 1) > ASPECT_TOLERANCE:
        raise ValueError(
            f"the colour image is {color.shape[1]}x{color.shape[0]} and the depth map "
            f"{width}x{height}: they do not show the same view, expected the same "
            "aspect ratio. Give the colour camera its own intrinsics"
        )
    if color.shape[:2] != depth.shape:
        color = _bytes(cv2.resize(color, (width, height), interpolation=cv2.INTER_AREA))
    if K_color is None:
        return color, depth
    scaled = scale_intrinsics(K_color, scale_x, scale_y)
    pixels, seen = color_pixels(depth, K, scaled, (width, height), depth2color)
    x, y = pixels.astype(np.float32).transpose(2, 0, 1)
    border = cv2.BORDER_REPLICATE
    color = _bytes(cv2.remap(color, x, y, cv2.INTER_LINEAR, borderMode=border))
    return color, np.where(seen, depth, np.float32(0))


def color_pixels(
    depth: NDArray[np.float32],
    K: Matrix,
    K_color: Matrix,
    size: tuple[int, int],
    depth2color: Matrix | None = None,
) -> tuple[Matrix, NDArray[np.bool_]]:
    """Where the colour camera sees what each depth pixel sees.

    Args:
        depth: (H, W) metres, 0 = missing.
        K: (3, 3) in pixels of ``depth``.
        K_color: (3, 3) in pixels of the colour image.
        size: (W, H) of the colour image.
        depth2color: (4, 4) from the depth to the colour camera; None where both stand
            in one place.

    Returns:
        (H, W, 2) pixels (x, y) of the colour image, and (H, W) bool: the pixel has
        depth, lies in the image and is hidden by nothing that the depth camera sees.
    """
    height, width = depth.shape
    if depth2color is None:  # the same ray at any depth
        warp = K_color @ np.linalg.inv(K)
        x = np.arange(width) * warp[0, 0] + warp[0, 2]
        y = np.arange(height) * warp[1, 1] + warp[1, 2]
        pixels = np.stack(np.meshgrid(x, y), -1)
        return pixels, (depth > 0) & _inside(pixels, size)
    points = unproject(depth.astype(np.float64), K, depth2color).reshape(-1, 3)
    flat, z = project(points, K_color, np.eye(4))
    pixels = flat.reshape(height, width, 2)
    seen = (depth > 0) & (z.reshape(depth.shape) > 0) & _inside(pixels, size)
    columns, rows = np.round(pixels[seen]).astype(int).T
    columns, rows = columns.clip(0, size[0] - 1), rows.clip(0, size[1] - 1)
    z = z.reshape(depth.shape)[seen]
    nearest = z_buffer(z, rows * size[0] + columns, size)
    nearest = minimum_filter(np.where(nearest > 0, nearest, np.inf), 3)
    seen[seen] = nearest[rows, columns] > (1 - OCCLUDED) * z
    return pixels, seen


def _inside(pixels: Matrix, size: tuple[int, int]) -> NDArray[np.bool_]:
    return ((pixels > -0.5) & (pixels < np.array(size) - 0.5)).all(-1)


def _bytes(image: NDArray) -> NDArray[np.uint8]:
    """OpenCV keeps the type; its stubs do not say so."""
    return np.asarray(image, np.uint8)
