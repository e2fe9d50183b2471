"""Do two images agree where depth and cameras say that they show the same point?

Depth and translations must be in ONE unit: a network's own depth with its own cameras,
or aligned depth with true cameras, never depth in metres with predicted translations.
A pixel is measured if it has texture (a blank wall agrees with itself wherever it is
moved to), its point lies in front of the other camera and inside its image, and the
depth of the other view knows of no nearer surface there.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_shape
from vantage3d.evaluation.depth_metrics import Floats, Mask, usable
from vantage3d.evaluation.metrics_table import THRESHOLDS
from vantage3d.evaluation.surface_normals import window_sums
from vantage3d.geometry import invert_rigid

OCCLUSION = 0.05  # how much farther than the visible surface, relatively, is behind it
TEXTURE = 0.02  # smallest difference of brightness to a neighbour, of 0..1
INLIER = 0.05  # error of an inlier
C1, C2 = 0.01**2, 0.03**2  # of SSIM for images in 0..1 (Wang et al., 2004)
Rows = NDArray[np.intp]


class View(NamedTuple):
    """An image with its depth and camera.

    Attributes:
        image: (3, H, W) RGB in 0..1.
        depth: (H, W) z-depth in the unit of the translation of ``world2cam``.
        K: (3, 3) intrinsics in pixels.
        world2cam: (4, 4), OpenCV axes.
    """

    image: Floats
    depth: Floats
    K: Floats
    world2cam: Floats


class Agreement(NamedTuple):
    """How well one view explains another.

    Attributes:
        errors: (M,) mean absolute difference of the colours of the measured pixels.
        ssim: (L,) structural similarity where a 3x3 neighbourhood was measured.
        textured: Pixels that had to be measured: in the mask, with texture.
    """

    errors: Floats
    ssim: Floats
    textured: int


def agreement(here: View, there: View, mask: Mask) -> Agreement:
    """Compare the pixels of ``here`` with where they are seen from ``there``.

    Args:
        here: The view whose pixels are judged.
        there: The other view, of the same size.
        mask: (H, W) bool, pixels of ``here`` to judge.

    Returns:
        Errors of the pixels that can be measured.

    Raises:
        ValueError: If shapes disagree.
    """
    dims = check_shape("here.image", here.image, "3 H W")
    check_shape("there.image", there.image, "3 H W", dims=dims)
    for name, array in (("here.depth", here.depth), ("there.depth", there.depth)):
        check_shape(name, array, "H W", dims=dims)
    check_shape("mask", mask, "H W", dims=dims)
    wanted = mask & textured(here.image)
    rows, columns = np.nonzero(wanted & usable(here.depth))
    pixels, z = _move(here, there, rows, columns)
    seen = _visible(there.depth, pixels, z)
    rows, columns, pixels = rows[seen], columns[seen], pixels[:, seen]
    warped = _bilinear(there.image, pixels)
    original = here.image[:, rows, columns].astype(np.float64)
    errors = np.abs(warped - original).mean(axis=0)
    similar = _similarity(here.image, warped, rows, columns)
    return Agreement(errors, similar, int(np.count_nonzero(wanted)))


def agreement_statistics(
    pairs: Sequence[Agreement], thresholds: Sequence[float] = THRESHOLDS
) -> dict[str, float]:
    """Statistics over the pixels of all pairs.

    Returns:
        ``error``, ``ssim``, ``inlier_ratio`` (errors below 0.05),
        ``inlier_at.THRESHOLD`` for each, and ``coverage``, the share of the textured
        pixels that could be measured; NaN where nothing was.
    """
    nothing = np.zeros(0)
    errors = np.concatenate([nothing, *(pair.errors for pair in pairs)])
    ssim = np.concatenate([nothing, *(pair.ssim for pair in pairs)])
    wanted = sum(pair.textured for pair in pairs)
    ordered = np.sort(errors)
    limits = [INLIER, *thresholds]
    below = np.searchsorted(ordered, limits) / (len(errors) or np.nan)
    names = ["inlier_ratio", *(f"inlier_at.{limit:g}" for limit in thresholds)]
    return {
        "error": _mean(ordered),
        "ssim": _mean(np.sort(ssim)),
        "coverage": len(errors) / wanted if wanted else float("nan"),
        **dict(zip(names, below.tolist())),
    }


def textured(image: Floats) -> Mask:
    """(H, W) whether brightness changes at a pixel of a (3, H, W) image."""
    grey = image.mean(axis=0)
    change = np.zeros(grey.shape, bool)
    for axis in (0, 1):
        step = np.moveaxis(np.abs(np.diff(grey, axis=axis)) >= TEXTURE, axis, 0)
        along = np.moveaxis(change, axis, 0)
        along[:-1] |= step
        along[1:] |= step
    return change


def _move(here: View, there: View, rows: Rows, columns: Rows) -> tuple[Floats, Floats]:
    """(2, N) pixels of ``there`` and (N,) depths of pixels of ``here``."""
    first, second = (view.world2cam.astype(np.float64) for view in (here, there))
    here2there = second @ invert_rigid(first)
    z = here.depth[rows, columns].astype(np.float64)
    rays = np.linalg.inv(here.K.astype(np.float64))
    homography = there.K @ here2there[:3, :3] @ rays  # pixels to pixels at infinity
    shift = there.K @ here2there[:3, 3]
    x, y, w = homography @ [columns, rows, np.ones(len(rows))] * z + shift[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.stack([x / w, y / w]), w


def _visible(depth: Floats, pixels: Floats, z: Floats) -> Mask:
    """Whether points are in front, inside the image, and not behind its surface."""
    height, width = depth.shape
    x, y = pixels
    with np.errstate(invalid="ignore"):
        inside = (z > 0) & (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    nearest = np.rint(pixels[:, inside]).astype(np.intp)
    surface = depth[nearest[1], nearest[0]]
    known = usable(surface)
    inside[inside] = known & (z[inside] <= (1 + OCCLUSION) * surface)
    return inside


def _bilinear(image: Floats, pixels: Floats) -> Floats:
    """(3, M) samples inside a (3, H, W) image."""
    height, width = image.shape[1:]
    x, y = pixels
    left = np.minimum(x.astype(np.intp), width - 2)
    top = np.minimum(y.astype(np.intp), height - 2)
    flat, at = image.reshape(3, -1), top * width + left
    x, y = x - left, y - top
    upper = flat[:, at] * (1 - x) + flat[:, at + 1] * x
    lower = flat[:, at + width] * (1 - x) + flat[:, at + width + 1] * x
    return upper * (1 - y) + lower * y


def _similarity(image: Floats, warped: Floats, rows: Rows, columns: Rows) -> Floats:
    """(L,) SSIM of the brightness where all of a 3x3 neighbourhood was warped."""
    if not len(rows):
        return np.zeros(0)
    top, bottom = rows.min(), rows.max() + 1
    first = image[:, top:bottom].mean(axis=0, dtype=np.float64)
    second, known = np.zeros_like(first), np.zeros_like(first)
    second[rows - top, columns], known[rows - top, columns] = warped.mean(axis=0), 1
    whole = _blur(known) > 1 - 1e-9
    return structural_similarity(first, second, lambda image: _blur(image)[whole])


def structural_similarity(first: Any, second: Any, blur: Callable[[Any], Any]) -> Any:
    """SSIM of two images in 0..1, arrays or tensors; ``blur`` takes local means."""
    mean_1, mean_2 = blur(first), blur(second)
    variance_1 = blur(first**2) - mean_1**2
    variance_2 = blur(second**2) - mean_2**2
    covariance = blur(first * second) - mean_1 * mean_2
    similarity = (2 * mean_1 * mean_2 + C1) * (2 * covariance + C2)
    scale = (mean_1**2 + mean_2**2 + C1) * (variance_1 + variance_2 + C2)
    return similarity / scale


def _blur(image: Floats) -> Floats:
    (rows,) = window_sums(image, 1, axis=1)
    (sums,) = window_sums(rows, 1, axis=0)
    return sums / 9


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
