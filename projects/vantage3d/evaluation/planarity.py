"""Are the walls that are flat also flat in a predicted depth map?

Planes are found in the truth by RANSAC, several per instance. On each of them a plane
of its own is fitted to the prediction: what counts is whether the prediction is flat
there, not where it is. A wall of the truth is never quite flat: the residual of a
predicted point is how much farther it is from its plane than the true point is from the
true one, as a share of its depth.

A plane a x + b y + c = 1 / z over the rays (x, y, 1) of pixels is linear in the inverse
depth, and the distance of a point from it, as a share of its depth, is

    |a x + b y + c - 1 / z| / |(a, b, c)|
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_positive, check_shape
from vantage3d.evaluation.depth_metrics import Floats, Mask, biweights, usable

FLAT = 0.01  # residual below which a predicted point is an inlier, share of depth
MIN_POINTS = 500  # of a plane
TOLERANCE = 0.005  # largest distance of a point from its plane, share of depth
PLANES = 4  # at most, per instance; twice as many where instances are not known
HYPOTHESES = 48
SAMPLE = 1000  # points that hypotheses are compared on
REACH = 32  # pixels between the points of a hypothesis
REFITS = 3
Rows = NDArray[np.intp]


def plane_segments(
    truth: Floats,
    K: Floats,
    mask: Mask,
    instances: NDArray[np.integer[Any]] | None = None,
    min_points: int = MIN_POINTS,
) -> NDArray[np.int64]:
    """Planes of the truth.

    Args:
        truth: (H, W) z-depth, positive in ``mask``.
        K: (3, 3) intrinsics in pixels.
        mask: (H, W) bool, pixels to look at: known depth on buildings.
        instances: (H, W) ids; a plane does not go across. None takes all as one.
        min_points: Pixels that a plane needs.

    Returns:
        (H, W) number of the plane of each pixel, -1 for none. The same truth always
        has the same planes.

    Raises:
        ValueError: If shapes disagree or ``min_points`` is not positive.
    """
    dims = check_shape("truth", truth, "H W")
    check_shape("mask", mask, "H W", dims=dims)
    check_positive("min_points", min_points)
    segments = np.full(truth.shape, -1, np.int64)
    ids = np.zeros(truth.shape, np.int64) if instances is None else instances
    at = np.nonzero(mask)
    own = ids[at]
    numbers, sizes = np.unique(own, return_counts=True)
    most = PLANES if instances is not None else 2 * PLANES
    found = 0
    for number in numbers[sizes >= min_points]:
        rows, columns = (axis[own == number] for axis in at)
        for plane in _planes(truth, K, rows, columns, min_points, most):
            segments[rows[plane], columns[plane]] = found
            found += 1
    return segments


def pixel_rays(K: Floats, rows: Rows, columns: Rows) -> Floats:
    """(N, 3) directions (x, y, 1) of pixels."""
    y = (rows - K[1, 2]) / K[1, 1]
    x = (columns - K[0, 2] - K[0, 1] * y) / K[0, 0]
    return np.stack([x, y, np.ones_like(x)], axis=1)


def fit_plane(rays: Floats, inverse: Floats, weights: Floats | None = None) -> Floats:
    """(3,) plane (a, b, c) by least squares.

    Args:
        rays: (N, 3) directions (x, y, 1).
        inverse: (N,) inverse depths.
        weights: (N,) of the squares; ones if not given.
    """
    weighted = rays if weights is None else rays * weights[:, None]
    normal, right = weighted.T @ rays, weighted.T @ inverse
    try:
        return np.linalg.solve(normal, right)
    except np.linalg.LinAlgError:  # all on a line
        return np.linalg.lstsq(normal, right, rcond=None)[0]


def plane_distances(plane: Floats, rays: Floats, inverse: Floats) -> Floats:
    """(N,) distances of points from a plane as shares of their depth."""
    return np.abs(rays @ plane - inverse) / max(float(np.linalg.norm(plane)), 1e-300)


def _planes(
    truth: Floats, K: Floats, rows: Rows, columns: Rows, least: int, most: int
) -> list[Rows]:
    """Positions in ``rows`` of the pixels of each plane, largest first mostly."""
    rng = np.random.default_rng(0)
    rays = pixel_rays(K, rows, columns)
    inverse = 1.0 / truth[rows, columns].astype(np.float64)
    index = np.full(truth.shape, -1, np.intp)
    left = np.arange(len(rows))
    planes: list[Rows] = []
    while len(left) >= least and len(planes) < most:
        index[rows, columns] = -1
        index[rows[left], columns[left]] = left
        triples = _triples(index, rows[left], columns[left], rng)
        sample = left
        if len(left) > SAMPLE:
            sample = left[rng.integers(0, len(left), SAMPLE)]
        plane = _best(rays, inverse, triples, sample)
        if plane is None:
            break
        near = plane_distances(plane, rays[left], inverse[left]) < TOLERANCE
        if np.count_nonzero(near) < least:
            break
        planes.append(left[near])
        left = left[~near]
    return planes


def _triples(
    index: Rows, rows: Rows, columns: Rows, rng: np.random.Generator
) -> NDArray[np.intp]:
    """(T, 3) positions of pixels near each other, T up to four times HYPOTHESES."""
    height, width = index.shape
    start = rng.integers(0, len(rows), 4 * HYPOTHESES)
    moves = rng.integers(-REACH, REACH + 1, (2, 2, len(start)))
    y = np.clip(rows[start] + moves[0], 0, height - 1)
    x = np.clip(columns[start] + moves[1], 0, width - 1)
    triples = np.stack([index[rows[start], columns[start]], *index[y, x]], axis=1)
    return triples[(triples >= 0).all(axis=1)]


def _best(
    rays: Floats, inverse: Floats, triples: NDArray[np.intp], sample: Rows
) -> Floats | None:
    """(3,) plane that most of the sample agrees with, fitted to those; None of none."""
    points = rays[triples] / inverse[triples][..., None]
    normals = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0])
    offset = np.einsum("ti,ti->t", normals, points[:, 0])
    size = np.linalg.norm(normals, axis=1) * np.linalg.norm(points[:, 0], axis=1)
    good = np.abs(offset) > 1e-6 * size
    planes = (normals[good] / offset[good, None])[:HYPOTHESES]
    if not len(planes):
        return None
    rays, inverse = rays[sample], inverse[sample]
    distances = np.abs(rays @ planes.T - inverse[:, None])
    votes = distances < TOLERANCE * np.linalg.norm(planes, axis=1)
    plane = planes[int(np.argmax(votes.sum(axis=0)))]
    for _ in range(REFITS):
        near = plane_distances(plane, rays, inverse) < TOLERANCE
        if np.count_nonzero(near) < 3:
            break
        plane = fit_plane(rays[near], inverse[near])
    return plane


class Planarity(NamedTuple):
    """Residuals of the predicted points on the planes of a frame, shares of depth.

    Attributes:
        residual: (M,) of the prediction, beyond that of the truth.
        truth: (M,) of the truth itself.
    """

    residual: Floats
    truth: Floats

    def statistics(self) -> dict[str, float]:
        """``inlier_ratio``, ``residual_mean`` and ``residual_median``; NaN of none."""
        names = ("inlier_ratio", "residual_mean", "residual_median")
        if not len(self.residual):
            return dict.fromkeys(names, float("nan"))
        middle = np.median(self.residual)
        values = np.mean(self.residual < FLAT), self.residual.mean(), middle
        return dict(zip(names, map(float, values)))


def planarity(
    pred: Floats, truth: Floats, K: Floats, segments: NDArray[np.int64]
) -> Planarity:
    """Residuals on the planes of :func:`plane_segments`.

    Args:
        pred: (H, W) z-depth in any unit; unusable pixels are left out.
        truth: (H, W) z-depth.
        K: (3, 3) intrinsics in pixels.
        segments: (H, W) number of the plane of each pixel, -1 for none.

    Returns:
        Residuals of all planes together, M pixels.

    Raises:
        ValueError: If shapes disagree.
    """
    dims = check_shape("truth", truth, "H W")
    check_shape("pred", pred, "H W", dims=dims)
    rows, columns = np.nonzero((segments >= 0) & usable(pred))
    number = segments[rows, columns]
    order = np.argsort(number, kind="stable")
    rows, columns = rows[order], columns[order]
    bounds = np.flatnonzero(np.diff(number[order])) + 1
    residuals, own = [np.zeros(0)], [np.zeros(0)]
    for part in np.split(np.arange(len(rows)), bounds):
        if len(part) < 3:
            continue
        at = rows[part], columns[part]
        rays = pixel_rays(K, *at)
        guess, actual = (_flatness(rays, 1.0 / depth[at]) for depth in (pred, truth))
        residuals.append(np.maximum(guess - actual, 0))
        own.append(actual)
    return Planarity(np.concatenate(residuals), np.concatenate(own))


def _flatness(rays: Floats, inverse: Floats) -> Floats:
    """(N,) distances from the points' own plane, which outliers do not bend."""
    step = -(-len(rays) // SAMPLE)
    some, values = rays[::step], inverse[::step]
    plane = fit_plane(some, values)
    for _ in range(REFITS):
        plane = fit_plane(some, values, biweights(plane_distances(plane, some, values)))
    return plane_distances(plane, rays, inverse)
