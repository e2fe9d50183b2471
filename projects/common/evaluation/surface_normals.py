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

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import correlate1d

from projects.common.checks import check_shape
from projects.common.evaluation.depth_metrics import Floats, Mask, usable

RADIUS = 2  # of the window, pixels
MIN_PIXELS = 6
# Smallest spread: determinant of the covariance of (du, dv); 4 for a full 5x5 window,
# 0 on a line.
MIN_SPREAD = 0.25
EDGE = 0.01  # largest rms distance from the plane, as a share of the depth
INLIERS_DEG = {"11_25": 11.25, "22_5": 22.5, "30": 30.0}


At = tuple[NDArray[np.intp], NDArray[np.intp]]  # rows and columns of M pixels


class _Window(NamedTuple):
    """Valid pixels around each of M pixels: sums of 1, du, dv, du^2, du dv, dv^2."""

    pixels: Floats
    u: Floats
    v: Floats
    uu: Floats
    uv: Floats
    vv: Floats

    def covariance(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Sums of squares and product about the mean, and their determinant."""
        uu = self.uu - self.u**2 / self.pixels
        uv = self.uv - self.u * self.v / self.pixels
        vv = self.vv - self.v**2 / self.pixels
        return uu, uv, vv, uu * vv - uv**2


class _Planes(NamedTuple):
    """q = A du + B dv + C at M pixels; ``energy`` is the sum of q times the fit."""

    A: Floats
    B: Floats
    C: Floats
    energy: Floats

    def normals(self, K: Floats, at: At) -> Floats:
        """(3, M) normals in camera coordinates, as long as 1 / distance."""
        v, u = at
        to_centre = self.A * (K[0, 2] - u) + self.B * (K[1, 2] - v) + self.C
        across = self.A * K[0, 1] + self.B * K[1, 1]
        return np.stack([self.A * K[0, 0], across, to_centre])


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
        radius: Of the window: 2 is 5x5 pixels.

    Returns:
        (H, W) degrees, NaN where there is nothing to measure.

    Raises:
        ValueError: If the shapes disagree.
    """
    dims = check_shape("truth", truth, "H W")
    check_shape("pred", pred, "H W", dims=dims)
    check_shape("valid", valid, "H W", dims=dims)
    check_shape("K", K, "3 3")
    mask = valid & usable(pred)
    at, window = _windows(mask, radius)
    angles = np.full(truth.shape, np.nan)
    inverse = _inverse(truth, mask)
    planes = _fit(inverse, window, at, radius)
    true_normals = planes.normals(K, at)
    squares = _sum(_sum(np.square(inverse), radius, 1, 0), radius, 0, 0)[at]
    rest = np.maximum(squares - planes.energy, 0) / window.pixels
    smooth = rest <= np.square(EDGE) * np.sum(np.square(true_normals), axis=0)
    pred_normals = _fit(_inverse(pred, mask), window, at, radius).normals(K, at)
    angles[at] = np.where(smooth, _angles(pred_normals, true_normals), np.nan)
    return angles


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


def _sum(array: Floats, radius: int, axis: int, power: int) -> Floats:
    """Sum of offset^power times the values within ``radius`` along an axis."""
    offsets = np.arange(-radius, radius + 1, dtype=np.float64)
    return correlate1d(array, offsets**power, axis=axis, mode="constant")


def _windows(mask: Mask, radius: int) -> tuple[At, _Window]:
    """Pixels with enough valid ones around them, and the sums over those."""
    ones = mask.astype(np.float64)
    rows = [_sum(ones, radius, 1, power) for power in (0, 1, 2)]
    count, v, vv = (_sum(rows[0], radius, 0, power) for power in (0, 1, 2))
    u, uv = (_sum(rows[1], radius, 0, power) for power in (0, 1))
    uu = _sum(rows[2], radius, 0, 0)
    at = np.nonzero(mask & (count >= MIN_PIXELS))
    window = _Window(*(field[at] for field in (count, u, v, uu, uv, vv)))
    spread = window.covariance()[3] >= MIN_SPREAD * window.pixels**2
    return (at[0][spread], at[1][spread]), _Window(*(w[spread] for w in window))


def _inverse(depth: Floats, mask: Mask) -> Floats:
    inverse = np.zeros(depth.shape)
    np.divide(1.0, depth, out=inverse, where=mask)
    return inverse


def _fit(inverse: Floats, window: _Window, at: At, radius: int) -> _Planes:
    """Least squares at M pixels; ``inverse`` is 0 where it is not valid."""
    rows = _sum(inverse, radius, 1, 0)
    q, vq = (_sum(rows, radius, 0, power)[at] for power in (0, 1))
    uq = _sum(_sum(inverse, radius, 1, 1), radius, 0, 0)[at]
    uu, uv, vv, determinant = window.covariance()
    mean = q / window.pixels
    cu, cv = uq - window.u * mean, vq - window.v * mean
    A, B = (vv * cu - uv * cv) / determinant, (uu * cv - uv * cu) / determinant
    C = mean - (A * window.u + B * window.v) / window.pixels
    return _Planes(A, B, C, A * uq + B * vq + C * q)


def _angles(first: Floats, second: Floats) -> Floats:
    """(M,) degrees between (3, M) vectors, exact near 0."""
    (a, b, c), (d, e, f) = first, second
    cross = (b * f - c * e) ** 2 + (c * d - a * f) ** 2 + (a * e - b * d) ** 2
    return np.degrees(np.arctan2(np.sqrt(cross), a * d + b * e + c * f))
