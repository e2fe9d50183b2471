"""How well views agree when they are taken as a hypothesis says."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid, normalise_pixels
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
        start: (P, N, 2) whole pixels (x, y) that they come from.
        pixels: (P, N, 2) pixels that they land on.
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
    surface = np.mean([(residual < t).mean(1) for t in TOLERANCES], 0)
    luma = film.luma(guess.color_shift)
    if guess.color_flip:
        luma = luma[..., ::-1]
    starts = _of_color(landing.start, film.K[first], guess)
    ends = _of_color(landing.pixels, film.K[second], guess)
    if guess.color_focal > 1:  # the colour camera sees less
        near &= _inside(starts, luma.shape) & _inside(ends, luma.shape)
    # Whole pixels: values between two are smoother, which would pass for agreement.
    limit = np.array(luma.shape[:0:-1]) - 1
    starts = np.clip(starts.round(), 0, limit).astype(np.int64)
    begun, ended = interpolated(luma, first, starts), interpolated(luma, second, ends)
    color = _correlation(begun, ended, near) * np.minimum(1, near.mean(1) / ENOUGH)
    lost = np.isnan(landing.residual) | np.isnan(begun) | np.isnan(ended)
    gone = np.where(lost.any(1), np.nan, 0)
    seen = np.isfinite(residual).mean(1)
    landed = (residual < TOLERANCES[2]).mean(1) / np.maximum(seen, 1e-9)
    return Agreement(surface + gone, color + gone, seen + gone, landed + gone)


def land(film: Footage, facts: Facts, guess: Hypothesis) -> Landing:
    """Points of the first views of all pairs in the second ones."""
    first, second = film.pairs.T
    shape = film.depth.shape[1:]
    K = guess.intrinsics(film.K)
    shifted = film.places + guess.pose_shift
    poses = guess.pose(film.pose(shifted), facts.axes)
    between = invert_rigid(poses[second]) @ poses[first]
    start = film.samples[first]
    stored = film.depth[first[:, None], start[..., 1], start[..., 0]]
    at = flipped(start.astype(np.float64), guess, shape)
    rays = _rays(at, K[first])
    points = rays * _depth(stored, rays, facts, guess)[..., None]
    points = points @ np.swapaxes(between[:, :3, :3], 1, 2) + between[:, None, :3, 3]
    z = points[..., 2]
    ahead = np.where(z > 1e-6, z, np.nan)
    flat = (points / ahead[..., None]) @ np.swapaxes(K[second], 1, 2)
    pixels = flipped(flat[..., :2], guess, shape)
    whole = np.nan_to_num(pixels, nan=-1).round()
    limit = np.array([shape[1], shape[0]])
    inside = ((whole >= 0) & (whole < limit)).all(-1)
    whole = np.where(inside[..., None], whole, 0)
    columns, rows = whole.astype(np.int64).transpose(2, 0, 1)
    stored = film.depth[second[:, None], rows, columns]
    seen = _depth(stored, _rays(flipped(whole, guess, shape), K[second]), facts, guess)
    inside &= stored > 0
    residual = np.where(inside, (seen - z) / np.where(inside, z, 1), np.inf)
    residual[np.isnan(between).any((1, 2))] = np.nan
    pixels = np.where(inside[..., None], pixels, 0)
    return Landing(start, pixels, residual)


def _rays(pixels: Values, K: Values) -> Values:
    """(P, N, 3) rays with z = 1."""
    flat = normalise_pixels(pixels, K)
    return np.concatenate([flat, np.ones_like(flat[..., :1])], -1)


def _depth(stored: Values, rays: Values, facts: Facts, guess: Hypothesis) -> Values:
    """z-depth by a hypothesis, of what is read now at rays with z = 1."""
    depth = stored * guess.scale
    if not guess.rays:
        return depth
    longer = np.linalg.norm(rays, axis=-1)
    return depth * longer if facts.along_rays else depth / longer


def flipped(pixels: Values, guess: Hypothesis, shape: tuple[int, ...]) -> Values:
    """Pixels of mirrored images."""
    if guess.flip is None:
        return pixels
    far = np.array([shape[1] - 1, shape[0] - 1])
    return np.where(FLIPS[guess.flip], far - pixels, pixels)


def _of_color(pixels: NDArray, K: Values, guess: Hypothesis) -> NDArray:
    """(P, N, 2) pixels of colour images whose camera has another focal length."""
    if guess.color_focal == 1:
        return pixels
    center = K[:, None, :2, 2]
    return center + guess.color_focal * (pixels - center)


def _inside(pixels: Values, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    return ((pixels >= 0) & (pixels <= np.array(shape[:0:-1]) - 1)).all(-1)


def interpolated(images: NDArray, rows: NDArray, pixels: Values) -> Values:
    """(P, N) values of images (A, h, w) between pixels (P, N, 2), (x, y)."""
    if pixels.dtype.kind == "i":
        return images[rows[:, None], pixels[..., 1], pixels[..., 0]]
    limit = np.array(images.shape[:0:-1]) - 1.001
    x, y = np.clip(pixels, 0, limit).transpose(2, 0, 1)
    left, top = x.astype(np.int64), y.astype(np.int64)
    x, y, at = x - left, y - top, rows[:, None]
    upper = images[at, top, left] * (1 - x) + images[at, top, left + 1] * x
    lower = images[at, top + 1, left] * (1 - x) + images[at, top + 1, left + 1] * x
    return upper * (1 - y) + lower * y


def _correlation(a: Values, b: Values, used: NDArray[np.bool_]) -> Values:
    """(P,) of two sets of values with zero mean, where ``used``."""
    product, first, second = ((used * v).sum(1) for v in (a * b, a * a, b * b))
    return product / np.sqrt(first * second + 1e-6)
