"""Angles between the surfaces that two depth maps show.

On a plane the inverse depth q = 1 / z is linear in the pixel, so the plane through a
neighbourhood is a linear least-squares fit of q to the valid pixels of a window, with
du, dv counted from its centre (u0, v0):

    q = A du + B dv + C
    normal ~ (A fx, A s + B fy, A (cx - u0) + B (cy - v0) + C)      K = [fx s cx; fy cy]

A window has no true normal, and nothing is measured there, if it holds too few valid
pixels, if they lie on a line, or if the true points are farther from their plane than a
share of their depth: an edge. Missing pixels take no part, they are never zeros.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vantage3d.checks import check_shape
from vantage3d.evaluation.depth_metrics import Floats, Mask, usable

# Of the neighbourhood; of real single sweeps, 5x5 finds 54 %, 7x7 90 % of the pixels.
RADIUS = 3
MIN_PIXELS = 6
# Smallest spread: determinant of the covariance of (du, dv); 16 for a full window,
# 0 on a line.
MIN_SPREAD = 0.25
EDGE = 0.01  # largest rms distance from the plane, as a share of the depth
INLIERS_DEG = {"11_25": 11.25, "22_5": 22.5, "30": 30.0}


class _Window(NamedTuple):
    """Valid pixels around each pixel, (H, W) each.

    Their number, the means of du and dv, the sums of squares and products about these,
    and uu vv - uv^2. ``fits`` says whether there is a plane: enough pixels, not on a
    line; ``pixels`` and ``determinant`` are 1 where there is none.
    """

    pixels: Floats
    u: Floats
    v: Floats
    uu: Floats
    uv: Floats
    vv: Floats
    determinant: Floats
    fits: Mask


class _Planes(NamedTuple):
    """q = A du + B dv + C at each pixel, (H, W); ``energy`` sums q times the fit."""

    A: Floats
    B: Floats
    C: Floats
    energy: Floats

    def normals(self, K: Floats) -> tuple[Floats, Floats, Floats]:
        """Normals in camera coordinates, (H, W) each, as long as 1 / distance."""
        height, width = self.A.shape
        v, u = K[1, 2] - np.arange(height)[:, None], K[0, 2] - np.arange(width)
        to_centre = self.A * u + self.B * v + self.C
        down = self.B * K[1, 1]
        if K[0, 1]:
            down = down + self.A * K[0, 1]
        return self.A * K[0, 0], down, to_centre


class Surface(NamedTuple):
    """What :func:`surface_angles` needs of a true depth map.

    Attributes:
        mask: (H, W) pixels that it was fitted to.
        window: Their neighbourhoods.
        normals: Normals in camera coordinates, (H, W) each.
        smooth: (H, W) where there is a true normal.
    """

    mask: Mask
    window: _Window
    normals: tuple[Floats, Floats, Floats]
    smooth: Mask


def normal_angles(
    pred: Floats, truth: Floats, K: Floats, valid: Mask, radius: int = RADIUS
) -> Floats:
    """Angle between predicted and true surface at every pixel.

    Both surfaces are fitted to the same pixels, with the same intrinsics: the angle is
    an error of the depth. Its unit does not matter.

    Args:
        pred: (H, W) z-depth; pixels that are not finite or not positive are left out.
        truth: (H, W) z-depth.
        K: (3, 3) intrinsics in pixels.
        valid: (H, W) bool, where the truth is known.
        radius: Half width of the neighbourhood: 3 is 7x7 pixels.

    Returns:
        (H, W) degrees, NaN where there is nothing to measure.

    Raises:
        ValueError: If the shapes disagree.
    """
    dims = check_shape("truth", truth, "H W")
    check_shape("pred", pred, "H W", dims=dims)
    check_shape("valid", valid, "H W", dims=dims)
    check_shape("K", K, "3 3")
    surface = true_surface(truth, K, valid & usable(pred), radius)
    return surface_angles(pred, K, surface, radius)


def true_surface(truth: Floats, K: Floats, mask: Mask, radius: int = RADIUS) -> Surface:
    """The half of :func:`normal_angles` that any prediction of the pixels shares.

    Args:
        truth: (H, W) z-depth.
        K: (3, 3) intrinsics in pixels.
        mask: (H, W) bool, where the truth is known and the prediction usable.
        radius: Half width of the neighbourhood.
    """
    window = _windows(mask, radius)
    inverse = _inverse(truth, mask)
    planes = _fit(inverse, window, radius)
    normals = planes.normals(K)
    (rows,) = window_sums(np.square(inverse), radius, axis=1)
    (squares,) = window_sums(rows, radius, axis=0)
    a, b, c = normals
    limit = np.square(EDGE) * (a * a + b * b + c * c) * window.pixels
    smooth = window.fits & (squares - planes.energy <= limit)
    return Surface(mask, window, normals, smooth)


def surface_angles(
    pred: Floats, K: Floats, surface: Surface, radius: int = RADIUS
) -> Floats:
    """(H, W) degrees between a predicted and a true surface, as :func:`normal_angles`.

    Args:
        pred: (H, W) z-depth, usable in the mask of ``surface``.
        K: (3, 3) intrinsics in pixels.
        surface: Of the same radius.
        radius: Half width of the neighbourhood.
    """
    inverse = _inverse(pred, surface.mask)
    found = _fit(inverse, surface.window, radius).normals(K)
    return np.where(surface.smooth, _angles(found, surface.normals), np.nan)


def angle_statistics(angles_deg: Floats) -> dict[str, float]:
    """``angular_mean``, ``angular_median`` and shares below 11.25, 22.5, 30 degrees.

    Args:
        angles_deg: Any shape, NaN where nothing was measured.

    Returns:
        The statistics of the others; NaN if there is none.
    """
    known = angles_deg[~np.isnan(angles_deg)]
    names = ("angular_mean", "angular_median", *(f"inlier_{n}" for n in INLIERS_DEG))
    if not len(known):
        return dict.fromkeys(names, float("nan"))
    shares = (np.mean(known < limit) for limit in INLIERS_DEG.values())
    values = (known.mean(), np.median(known), *shares)
    return {name: float(value) for name, value in zip(names, values)}


def window_sums(
    array: Floats, radius: int, axis: int, powers: Sequence[int] = (0,)
) -> list[Floats]:
    """Sum of offset^power times the values within ``radius`` along one axis.

    Args:
        array: (H, W); beyond it everything is 0.
        radius: Half width of the window without its centre, pixels.
        axis: 0 down the columns, 1 along the rows.
        powers: Powers of the offset, one sum each.

    Returns:
        (H, W) float64 for each power.

    Example:
        >>> row = np.array([[1.0, 10, 100]])
        >>> zeroth, first = window_sums(row, 1, 1, (0, 1))
        >>> zeroth.ravel(), first.ravel()
        (array([ 11., 111., 110.]), array([ 10.,  99., -10.]))
    """
    margin = [(0, 0), (0, 0)]
    margin[axis] = (radius, radius)
    array, padded = (np.moveaxis(a, axis, 0) for a in (array, np.pad(array, margin)))
    sums = [
        np.array(array, np.float64) if p == 0 else np.zeros(array.shape) for p in powers
    ]
    length = len(array)
    for offset in range(1, radius + 1):
        ahead, behind = (
            padded[start : start + length]
            for start in (radius + offset, radius - offset)
        )
        pairs = {0: ahead + behind} if any(p % 2 == 0 for p in powers) else {}
        if any(p % 2 for p in powers):
            pairs[1] = ahead - behind
        for total, power in zip(sums, powers):
            pair = pairs[power % 2]
            total += pair if offset**power == 1 else pair * float(offset**power)
    return [np.moveaxis(total, 0, axis) for total in sums]


def _windows(mask: Mask, radius: int) -> _Window:
    ones = mask.astype(np.float64)
    one, u, uu = window_sums(ones, radius, axis=1, powers=(0, 1, 2))
    pixels, v, vv = window_sums(one, radius, axis=0, powers=(0, 1, 2))
    u, uv = window_sums(u, radius, axis=0, powers=(0, 1))
    (uu,) = window_sums(uu, radius, axis=0)
    fits = mask & (pixels >= MIN_PIXELS)
    pixels[~fits] = 1
    u, v = u / pixels, v / pixels
    uu, uv, vv = uu - pixels * u * u, uv - pixels * u * v, vv - pixels * v * v
    determinant = uu * vv - uv * uv
    fits &= determinant >= MIN_SPREAD * np.square(pixels)
    determinant[~fits] = 1
    return _Window(pixels, u, v, uu, uv, vv, determinant, fits)


def _inverse(depth: Floats, mask: Mask) -> Floats:
    return np.divide(1.0, depth, out=np.zeros(depth.shape), where=mask)


def _fit(inverse: Floats, window: _Window, radius: int) -> _Planes:
    """Least squares at every pixel; ``inverse`` is 0 where it is not valid."""
    q, uq = window_sums(inverse, radius, axis=1, powers=(0, 1))
    q, vq = window_sums(q, radius, axis=0, powers=(0, 1))
    (uq,) = window_sums(uq, radius, axis=0)
    cu, cv = uq - window.u * q, vq - window.v * q
    A = (window.vv * cu - window.uv * cv) / window.determinant
    B = (window.uu * cv - window.uv * cu) / window.determinant
    C = q / window.pixels - A * window.u - B * window.v
    return _Planes(A, B, C, A * uq + B * vq + C * q)


def _angles(first: tuple[Floats, ...], second: tuple[Floats, ...]) -> Floats:
    """Degrees between two vectors by their coordinates, exact near 0."""
    (a, b, c), (d, e, f) = first, second
    x, y, z = b * f - c * e, c * d - a * f, a * e - b * d
    sine = np.sqrt(x * x + y * y + z * z)
    return np.degrees(np.arctan2(sine, a * d + b * e + c * f))
