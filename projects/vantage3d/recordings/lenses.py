"""Images of lenses as a pinhole camera would have taken them."""

from dataclasses import replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import pixel_grid
from vantage3d.geometry.cameras import normalise_pixels
from vantage3d.io.colmap import ColmapCamera

# Of a ray, after the way through the lens and back: beyond the field of view a
# polynomial of distortion turns round and shows a place twice.
ASTRAY = 1e-3
OUTSIDE = -9.0  # a pixel that no image has


def distorted_pixels(
    lens: ColmapCamera, K: NDArray[np.float64], size: tuple[int, int]
) -> NDArray[np.float64]:
    """Where a lens shows what each pixel of a pinhole camera in its place shows.

    Args:
        lens: Camera of the distorted image.
        K: (3, 3) of the pinhole camera.
        size: (W, H) of its images.

    Returns:
        (H, W, 2) pixels of the distorted image; NaN where it shows nothing of it.
    """
    rays = np.ones((size[0] * size[1], 3))
    rays[:, :2] = normalise_pixels(pixel_grid(*size[::-1], K).reshape(-1, 2), K)
    pixels = lens.project(rays)
    back = lens.rays(pixels)
    with np.errstate(invalid="ignore"):
        off = np.abs(back - rays[:, :2]).max(1) / np.linalg.norm(rays, axis=1)
        pixels[~(off < ASTRAY)] = np.nan
    return pixels.reshape(*size[::-1], 2)


def undistort(image: NDArray, lens: ColmapCamera, exact: bool = False) -> NDArray:
    """An image of a lens as its ``undistorted()`` camera would have taken it.

    Args:
        image: (H, W) or (H, W, C).
        lens: Its camera.
        exact: Whether values are those of the nearest pixel, as depth must be, instead
            of between four.

    Returns:
        Of the same shape and type; 0 where the lens shows nothing.

    Raises:
        ValueError: If the image is not of the camera's size.
    """
    if image.shape[1::-1] != lens.size:
        raise ValueError(
            f"the image is {image.shape[1]}x{image.shape[0]} and its camera "
            f"{lens.size[0]}x{lens.size[1]}: expected one size"
        )
    how = cv2.INTER_NEAREST if exact else cv2.INTER_LINEAR
    x, y = _lookup(lens)
    return cv2.remap(image, x, y, how, borderMode=cv2.BORDER_CONSTANT)


@lru_cache(maxsize=2)
def _lookup(lens: ColmapCamera) -> NDArray[np.float32]:
    """(2, H, W) x and y of the distorted image: the same for all frames of a camera."""
    K = lens.undistorted().intrinsics()
    pixels = distorted_pixels(lens, K, lens.size).astype(np.float32)
    return np.ascontiguousarray(np.nan_to_num(pixels, nan=OUTSIDE).transpose(2, 0, 1))


def fitted(
    lens: ColmapCamera, size: tuple[int, int], written_for: tuple[int, int] | None
) -> ColmapCamera:
    """A camera for images that were resized in proportion since.

    Args:
        lens: The camera, which says for which size it is.
        size: (W, H) of the images.
        written_for: (W, H) that the owner gives instead of the camera's own.

    Raises:
        ValueError: If the images have other proportions.
    """
    lens = replace(lens, size=written_for or lens.size)
    width, height = lens.size
    if lens.size != size and abs(size[1] - size[0] * height / width) > 1:
        raise ValueError(
            f"the image is {size[0]}x{size[1]} and its camera {width}x{height}: "
            "expected one size, or equal proportions. Take the images that the camera "
            "was made for; undistorted images have cameras of their own"
        )
    return lens if lens.size == size else lens.resized(size)
