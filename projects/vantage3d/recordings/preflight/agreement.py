"""How well views agree when they are taken as a hypothesis says."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid
from vantage3d.recordings.preflight.footage import Footage
from vantage3d.recordings.preflight.hypotheses import (
    FLIPS,
    OF_COLOR,
    Facts,
    Hypothesis,
)

Values = NDArray[np.float64]
TOLERANCES = (0.01, 0.02, 0.05, 0.1)  # of the depth
NEAR = 0.1  # of the depth: such points show the same surface
ENOUGH = 0.1  # share of such points that colours need


class Agreement(NamedTuple):
    """Of every pair of views; NaN where a hypothesis has no frame for it.

    Attributes:
        surface: (P,) share of points that land on the surface of the other view, the
            mean over ``TOLERANCES``.
        color: (P,) correlation of the contrast that points have in both views.
        seen: (P,) share of points that land where the other view has depth.
        landed: (P,) share of those that land on its surface, within 5 %.
    """

    surface: Values
    color: Values
    seen: Values
    landed: Values

    @property
    def score(self) -> Values:
        """(P,) what hypotheses are compared by."""
        return self.surface + self.color


class Landing(NamedTuple):
    """Points of a first view in a second.

    Attributes:
        start: (P, 2, N) whole pixels x, y that they come from.
        pixels: (P, 2, N) pixels that they land on.
        residual: (P, N) depth seen there minus the point's, by the point's; infinite
            where nothing is seen.
    """

    start: NDArray[np.int64]
    pixels: Values
    residual: Values


def measure(film: Footage, facts: Facts, guess: Hypothesis) -> Agreement:
    """Agreement of all pairs of views."""
    first, second = film.pairs.T
    landing = film.kept(land, facts, guess.without(OF_COLOR))
    residual = np.abs(landing.residual)
    near = residual < NEAR
    surface = np.mean([_share(residual < t) for t in TOLERANCES], 0)
    luma = film.luma(guess.color_shift)
    if guess.color_flip:
        luma = luma[..., ::-1]
    starts = _of_color(landing.start, film.K[first], guess)
    ends = _of_color(landing.pixels, film.K[second], guess)
    if guess.color_focal > 1:  # the colour camera sees less
        near &= _inside(starts, luma.shape) & _inside(ends, luma.shape)
    # Whole pixels: values between two are smoother, which would pass for agreement.
    starts = np.clip(starts.round(), 0, _last(luma.shape)).astype(np.int64)
    begun, ended = interpolated(luma, first, starts), interpolated(luma, second, ends)
    color = _correlation(begun, ended, near) * np.minimum(1, _share(near) / ENOUGH)
    lost = np.isnan(landing.residual) | np.isnan(begun) | np.isnan(ended)
    gone = np.where(lost.any(1), np.nan, 0)
    seen = _share(np.isfinite(residual))
    landed = _share(residual < TOLERANCES[2]) / np.maximum(seen, 1e-9)
    return Agreement(surface + gone, color + gone, seen + gone, landed + gone)


def _share(of: NDArray[np.bool_]) -> Values:
    """(P,) share of the points for which (P, N) is so."""
    return np.count_nonzero(of, 1) / of.shape[1]


def land(film: Footage, facts: Facts, guess: Hypothesis) -> Landing:
    """Points of the first views of all pairs in the second ones."""
    first, second = film.pairs.T
    shape = film.depth.shape[1:]
    K = guess.intrinsics(film.K)
    shifted = film.places + guess.pose_shift
    poses = guess.pose(film.pose(shifted), facts.axes)
    between = invert_rigid(poses[second]) @ poses[first]
    # Coordinates lie before points: three long rows instead of many short columns.
    start = np.ascontiguousarray(film.samples[first].swapaxes(1, 2))
    stored = film.depth[first[:, None], start[:, 1], start[:, 0]]
    rays = _rays(_mirrored(start, guess, shape), K[first])
    points = rays * _depth(stored, rays, facts, guess)[:, None]
    points = between[:, :3, :3] @ points + between[:, :3, 3, None]
    z = points[:, 2]
    ahead = np.where(z > 1e-6, z, np.nan)
    pixels = _mirrored((K[second] @ (points / ahead[:, None]))[:, :2], guess, shape)
    whole = np.nan_to_num(pixels, nan=-1).round()
    inside = _inside(whole, shape)
    whole = np.where(inside[:, None], whole, 0)
    columns, rows = whole.astype(np.int64).swapaxes(0, 1)
    stored = film.depth[second[:, None], rows, columns]
    seen = _depth(
        stored, _rays(_mirrored(whole, guess, shape), K[second]), facts, guess
    )
    inside &= stored > 0
    residual = np.where(inside, (seen - z) / np.where(inside, z, 1), np.inf)
    residual[np.isnan(between).any((1, 2))] = np.nan
    return Landing(start, np.where(inside[:, None], pixels, 0), residual)


def _rays(pixels: NDArray, K: Values) -> Values:
    """(P, 3, N) rays with z = 1 of pixels (P, 2, N)."""
    homogeneous = np.ones((len(pixels), 3, pixels.shape[2]))
    homogeneous[:, :2] = pixels
    return np.linalg.inv(K) @ homogeneous


def _depth(stored: Values, rays: Values, facts: Facts, guess: Hypothesis) -> Values:
    """z-depth by a hypothesis, of what is read now at rays with z = 1."""
    depth = stored * guess.scale
    if not guess.rays:
        return depth
    longer = np.linalg.norm(rays, axis=1)
    return depth * longer if facts.along_rays else depth / longer


def _mirrored(pixels: NDArray, guess: Hypothesis, shape: tuple[int, ...]) -> NDArray:
    return flipped(pixels.swapaxes(1, 2), guess, shape).swapaxes(1, 2)


def flipped(pixels: NDArray, guess: Hypothesis, shape: tuple[int, ...]) -> NDArray:
    """Pixels (..., 2) of mirrored images."""
    if guess.flip is None:
        return pixels
    far = np.array([shape[1] - 1, shape[0] - 1])
    return np.where(FLIPS[guess.flip], far - pixels, pixels)


def _of_color(pixels: NDArray, K: Values, guess: Hypothesis) -> NDArray:
    """(P, 2, N) pixels of colour images whose camera has another focal length."""
    if guess.color_focal == 1:
        return pixels
    center = K[:, :2, 2, None]
    return center + guess.color_focal * (pixels - center)


def _last(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """(2, 1) coordinates x, y of the last pixel of images (..., h, w)."""
    return np.array([[shape[-1] - 1], [shape[-2] - 1]])


def _inside(pixels: Values, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    return ((pixels >= 0) & (pixels <= _last(shape))).all(1)


def interpolated(images: NDArray, rows: NDArray, pixels: NDArray) -> Values:
    """(P, N) values of images (A, h, w) between pixels x, y (P, 2, N)."""
    at = rows[:, None]
    if pixels.dtype.kind == "i":
        return images[at, pixels[:, 1], pixels[:, 0]]
    x, y = np.clip(pixels, 0, _last(images.shape) - 0.001).swapaxes(0, 1)
    left, top = x.astype(np.int64), y.astype(np.int64)
    x, y = x - left, y - top
    upper = images[at, top, left] * (1 - x) + images[at, top, left + 1] * x
    lower = images[at, top + 1, left] * (1 - x) + images[at, top + 1, left + 1] * x
    return upper * (1 - y) + lower * y


def _correlation(a: Values, b: Values, used: NDArray[np.bool_]) -> Values:
    """(P,) of two sets of values with zero mean, where ``used``."""
    product, first, second = ((used * v).sum(1) for v in (a * b, a * a, b * b))
    return product / np.sqrt(first * second + 1e-6)
