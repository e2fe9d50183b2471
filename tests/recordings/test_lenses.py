"""Undistortion, by images that are functions of the ray."""

import numpy as np
import pytest

from vantage3d.geometry import pixel_grid
from vantage3d.io.colmap import ColmapCamera
from vantage3d.recordings.lenses import distorted_pixels, undistort

SIZE = 120, 90
CENTER = 62.5, 44.0
LENSES = {
    "OPENCV": (80.0, 82.0, *CENTER, -0.12, 0.02, 2e-3, -1e-3),
    "SIMPLE_RADIAL": (80.0, *CENTER, 0.08),
    "OPENCV_FISHEYE": (60.0, 61.0, *CENTER, 0.05, -0.01, 0.002, 0),
    "FOV": (70.0, 70.0, *CENTER, 0.7),
}


def brightness(x, y):
    """Of a ray (x, y, 1)."""
    return 120 + 60 * x - 50 * y + 20 * x * y


@pytest.mark.parametrize("model", LENSES)
def test_a_ray_keeps_its_colour(model):
    lens = ColmapCamera(model, SIZE, LENSES[model])
    rays = lens.rays(pixel_grid(*SIZE[::-1], np.eye(3)).reshape(-1, 2))
    image = brightness(*rays.T).reshape(SIZE[::-1]).astype(np.float32)
    straight = undistort(image, lens)
    K = lens.undistorted().intrinsics()
    x, y = ((pixel_grid(*SIZE[::-1], K) - K[:2, 2]) / K[[0, 1], [0, 1]]).T
    inner = np.zeros(SIZE[::-1], bool)
    inner[10:-10, 12:-12] = True
    assert np.abs(straight - brightness(x, y).T)[inner].max() < 0.1
    assert np.abs(straight - image)[inner].max() > 1  # it was bent


def test_depth_is_never_mixed():
    lens = ColmapCamera("OPENCV", SIZE, LENSES["OPENCV"])
    depth = np.where(np.arange(120) < 60, 1, 3).astype(np.float32) * np.ones((90, 1))
    assert set(np.unique(undistort(depth, lens, exact=True))) <= {0, 1, 3}


def test_beyond_the_turn_of_the_polynomial_nothing_is_shown():
    """r (1 - 0.4 r^2) is largest at r = 0.913: farther rays would be shown again."""
    lens = ColmapCamera("SIMPLE_RADIAL", (200, 200), (70.0, 100, 100, -0.4))
    K = lens.undistorted().intrinsics()
    shown = np.isfinite(distorted_pixels(lens, K, (200, 200))).all(-1)
    radius = np.linalg.norm((pixel_grid(200, 200, K) - K[:2, 2]) / 70, axis=-1)
    assert shown[radius < 0.9].all() and not shown[radius > 0.95].any()


def test_an_image_of_another_size_is_refused():
    lens = ColmapCamera("OPENCV", SIZE, LENSES["OPENCV"])
    with pytest.raises(ValueError, match="image is 60x45 and its camera 120x90"):
        undistort(np.zeros((45, 60, 3), np.uint8), lens)
