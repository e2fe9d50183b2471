"""Colour on the pixel grid of depth, for cameras that are not one."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter

from vantage3d.geometry import project, scale_intrinsics, unproject
from vantage3d.geometry.grids import ASPECT_TOLERANCE
from vantage3d.geometry.rasters import fill_holes, z_buffer

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
        (H, W, 3) colours, and (H, W) depth, 0 where no colour was seen. The colour of a
        pixel without depth is that of its surroundings' depth.

    Raises:
        ValueError: If both should show one view and have other proportions, or the
            colour camera sees nothing of what the depth camera sees.
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
    size = width, height
    pixels, seen = color_pixels(depth, K, scaled, size, depth2color)
    if (depth > 0).any() and not seen.any():
        raise ValueError(
            f"the colour camera sees none of {(depth > 0).sum()} pixels with depth: "
            f"fx={scaled[0, 0]:g} at {width}x{height} for colour and {K[0, 0]:g} for "
            f"depth{_apart(depth2color)}. Check the colour camera's intrinsics, and "
            "that the transform is from depth to colour, in metres"
        )
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
    if depth2color is None or not depth.any():  # the same ray at any depth
        warp = K_color @ np.linalg.inv(K)
        x = np.arange(width) * warp[0, 0] + warp[0, 2]
        y = np.arange(height) * warp[1, 1] + warp[1, 2]
        pixels = np.stack(np.meshgrid(x, y), -1)
        return pixels, (depth > 0) & _inside(pixels, size)
    filled = fill_holes(depth).astype(np.float64)
    points = unproject(filled, K, depth2color).reshape(-1, 3)
    flat, z = project(points, K_color, np.eye(4))
    flat[z <= 0] = -1  # behind the colour camera
    pixels, z = flat.reshape(height, width, 2), z.reshape(depth.shape)
    seen = (depth > 0) & (z > 0) & _inside(pixels, size)
    # Pixels of colour may be finer than those of depth: between them one looks through.
    cell = max(1.0, K_color[0, 0] / K[0, 0])
    cells = round(size[0] / cell) + 1, round(size[1] / cell) + 1
    columns, rows = np.round(pixels[seen] / cell).astype(int).T
    columns, rows = columns.clip(0), rows.clip(0)
    nearest = z_buffer(z[seen], rows * cells[0] + columns, cells)
    nearest = minimum_filter(np.where(nearest > 0, nearest, np.inf), 3)
    seen[seen] = nearest[rows, columns] > (1 - OCCLUDED) * z[seen]
    return pixels, seen


def register_labels(
    labels: NDArray[np.integer],
    K_color: Matrix,
    size: tuple[int, int],
    depth: NDArray[np.float32],
    K: Matrix,
    depth2color: Matrix | None = None,
) -> NDArray[np.integer]:
    """Labels of every pixel with depth, from an image of the colour camera.

    Args:
        labels: (h, w) of what the colour camera shows, at any size.
        K_color: (3, 3) in pixels of an image of ``size``.
        size: (W, H) of the colour image.
        depth: (H, W) metres, without what the colour camera does not see.
        K: (3, 3) in pixels of ``depth``.
        depth2color: (4, 4) from the depth to the colour camera; None where both stand
            in one place.

    Returns:
        (H, W) labels, -1 where there is no depth.
    """
    h, w = labels.shape
    scaled = scale_intrinsics(K_color, w / size[0], h / size[1])
    pixels, _ = color_pixels(depth, K, scaled, (w, h), depth2color)
    columns, rows = np.round(pixels).astype(int).transpose(2, 0, 1)
    found = labels[rows.clip(0, h - 1), columns.clip(0, w - 1)]
    return np.where(depth > 0, found, -1)


def _apart(depth2color: Matrix | None) -> str:
    if depth2color is None:
        return ""
    return f", the cameras {np.linalg.norm(depth2color[:3, 3]):.3g} m apart"


def _inside(pixels: Matrix, size: tuple[int, int]) -> NDArray[np.bool_]:
    return ((pixels > -0.5) & (pixels < np.array(size) - 0.5)).all(-1)


def _bytes(image: NDArray) -> NDArray[np.uint8]:
    """OpenCV keeps the type; its stubs do not say so."""
    return np.asarray(image, np.uint8)
