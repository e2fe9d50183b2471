"""Do points have the colours of the pixels that their features come from?

What a point's colour was, the converter wrote; where its feature is read, the model
says. If the image has the points' colours elsewhere, the camera that leads from one to
the other is wrong, and the distance is by how much.
"""

from itertools import product
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_shape

LUMA = np.array([0.299, 0.587, 0.114])
POINTS, SEARCHED = 6000, 1000  # that are compared, and that are looked for
ZOOMS = np.geomspace(0.6, 1.7, 13)
SHIFTS = np.arange(-8, 9) / 50  # of the width
STARTS = 3  # of zoom and shift, from which the fit begins
BLURS = (1 / 80, 1 / 160, 1 / 320)  # of the width, coarse to fine; the first searches
STEPS = 15  # per blur
WAYS = ((1, 0), (0, 1))  # x, y
SMALL = 1.0  # grey levels: colours of one image, read twice
CLEARLY = 0.7  # of the difference is left at a better place
Floats = NDArray[np.floating]


class ColorMatch(NamedTuple):
    """How well colours of points fit an image.

    Attributes:
        gray: Mean difference in grey levels, 0..255, where points are looked up.
        pixels: Median distance to where the image has their colours, pixels; 0 if
            nowhere clearly better.
        gray_there: Mean difference there.
    """

    gray: float
    pixels: float
    gray_there: float


def match_colors(
    colors: Floats, image: NDArray[np.uint8], pixels: Floats
) -> ColorMatch:
    """Compare colours of points with an image: where they are looked up, and around.

    Zooms and shifts of the image are tried, and from the best of them an affine map
    that fits the colours, coarse to fine by least squares (Lucas and Kanade 1981).

    Args:
        colors: (N, 3) RGB of points, 0..255.
        image: (H, W, 3) RGB.
        pixels: (N, 2) where they are looked up.
    """
    check_shape("colors", colors, "N 3")
    chosen = np.linspace(0, len(colors) - 1, min(len(colors), POINTS)).astype(int)
    gray, pixels = (image @ LUMA).astype(np.float32), pixels[chosen]
    wanted = (colors[chosen] @ LUMA).astype(np.float32)
    here = _difference(gray, wanted, pixels)
    if here <= SMALL:
        return ColorMatch(here, 0.0, here)
    starts = _starts(gray, wanted, pixels)
    tried = [pixels, *(_aligned(gray, wanted, pixels, start) for start in starts)]
    there, best = min(
        ((_difference(gray, wanted, found), found) for found in tried),
        key=lambda pair: pair[0],
    )
    if there > CLEARLY * here:
        return ColorMatch(here, 0.0, here)
    distance = np.linalg.norm(best - pixels, axis=1)
    return ColorMatch(here, float(np.median(distance)), there)


def _inside(pixels: Floats, gray: Floats) -> NDArray[np.bool_]:
    return ((pixels > -0.5) & (pixels < np.array(gray.shape[::-1]) - 0.5)).all(1)


def _at(gray: Floats, pixels: Floats) -> Floats:
    """(N,) values of an image between its pixels."""
    x, y = pixels.astype(np.float32).T[:, None]
    return cv2.remap(gray, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[0]


def _difference(gray: Floats, wanted: Floats, pixels: Floats) -> float:
    """Mean difference; that of half of the points at least counts."""
    inside = _inside(pixels, gray)
    if inside.mean() < 0.5:
        return float("inf")
    return float(np.abs(_at(gray, pixels) - wanted)[inside].mean())


def _starts(gray: Floats, wanted: Floats, pixels: Floats) -> list[Floats]:
    """(3, 2) maps, as :func:`_aligned` takes them, of the best zooms and shifts."""
    width, center = gray.shape[1], (np.array(gray.shape[::-1]) - 1) / 2
    sigma = BLURS[0] * width
    smooth = cv2.GaussianBlur(gray, (0, 0), sigma)
    chosen = np.linspace(0, len(pixels) - 1, min(len(pixels), SEARCHED)).astype(int)
    own = _smoothed(wanted, pixels, gray.shape, sigma)[chosen]
    from_center, found = pixels[chosen] - center, []
    for zoom, x, y in product(ZOOMS, SHIFTS, SHIFTS):
        middle = center + np.array([x, y]) * width
        off = _difference(smooth, own, from_center * zoom + middle)
        found.append((off, np.array([middle, (zoom * width, 0), (0, zoom * width)])))
    return [theta for _, theta in sorted(found, key=lambda pair: pair[0])[:STARTS]]


def _aligned(gray: Floats, wanted: Floats, pixels: Floats, theta: Floats) -> Floats:
    """(N, 2) pixels moved by the affine map that fits best, from ``theta`` on.

    ``theta`` (3, 2) are the images of the middle, and of a width to the right and down.
    """
    width, center = gray.shape[1], (np.array(gray.shape[::-1]) - 1) / 2
    terms = np.concatenate([np.ones((len(pixels), 1)), (pixels - center) / width], 1)
    for blur in BLURS:
        sigma = max(blur * width, 0.5)
        smooth = cv2.GaussianBlur(gray, (0, 0), sigma)
        own_smooth = _smoothed(wanted, pixels, gray.shape, sigma)
        slopes = [cv2.Sobel(smooth, cv2.CV_32F, *way, scale=1 / 8) for way in WAYS]
        for _ in range(STEPS):
            found = terms @ theta
            inside = _inside(found, gray)
            if inside.mean() < 0.3:
                return pixels
            at, own = found[inside], terms[inside]
            rows = [_at(slope, at)[:, None] * own for slope in slopes]
            rest = own_smooth[inside] - _at(smooth, at)
            step = np.linalg.lstsq(np.concatenate(rows, 1), rest, rcond=None)[0]
            theta = theta + step.reshape(2, 3).T
            if np.abs(step).max() < 0.01:
                break
    return terms @ theta


def _smoothed(
    values: Floats, pixels: Floats, shape: tuple[int, ...], sigma: float
) -> Floats:
    """(N,) values, each the mean of those around it."""
    columns, rows = np.round(pixels).astype(int).T
    at = rows.clip(0, shape[0] - 1), columns.clip(0, shape[1] - 1)
    sums, counts = np.zeros((2, *shape), np.float32)
    np.add.at(sums, at, values)
    np.add.at(counts, at, 1)
    sums, counts = (cv2.GaussianBlur(v, (0, 0), sigma) for v in (sums, counts))
    return (sums / np.maximum(counts, 1e-9))[at]
