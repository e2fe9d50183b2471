"""Colours looked up in the wrong place say how far away the right one is."""

import cv2
import numpy as np
import pytest

from vantage3d.esam.fusion_check.colors import match_colors

SIZE = (160, 120)


@pytest.fixture(scope="module")
def image():
    """Blobs and stripes of many sizes."""
    rng = np.random.default_rng(0)
    layers = [rng.normal(0, 1, (12 * n, 16 * n, 3)) * 60 / n**0.5 for n in (1, 3, 8)]
    scaled = [cv2.resize(v, SIZE, interpolation=cv2.INTER_CUBIC) for v in layers]
    return np.clip(128 + sum(scaled), 0, 255).astype(np.uint8)


def colors_at(image, pixels):
    x, y = pixels.astype(np.float32).T[:, None]
    return cv2.remap(image, x, y, cv2.INTER_LINEAR)[0].astype(float)


def places(zoom, shift):
    """Where points are looked up, and where the image has their colours."""
    pixels = np.random.default_rng(1).uniform(0, (159, 119), (3000, 2))
    true = (pixels - (79.5, 59.5)) * zoom + (79.5, 59.5) + shift
    inside = ((true >= 0) & (true <= (159, 119))).all(1)
    return pixels[inside], true[inside]


def test_colours_of_their_pixels_fit(image):
    pixels, _ = places(1.0, (0, 0))
    match = match_colors(colors_at(image, pixels), image, pixels)
    assert match.gray < 0.5 and match.pixels == 0 and match.gray_there == match.gray


@pytest.mark.parametrize(
    ("zoom", "shift"),
    [(1.25, (0, 0)), (0.8, (0, 0)), (1.0, (3, -2)), (1.1, (12, 5)), (1.0, (0.9, 0))],
)
def test_the_distance_to_the_right_place_is_found(image, zoom, shift):
    pixels, true = places(zoom, shift)
    match = match_colors(colors_at(image, true), image, pixels)
    off = np.median(np.linalg.norm(true - pixels, axis=1))
    assert match.pixels == pytest.approx(off, rel=0.05, abs=0.1)
    assert match.gray > 4 * match.gray_there


def test_another_picture_fits_nowhere(image):
    pixels, _ = places(1.0, (0, 0))
    match = match_colors(colors_at(image[::-1, ::-1], pixels), image, pixels)
    assert match.gray > 10 and match.pixels == 0
