"""Scale and shift that bring a depth map onto a few points, some of them wrong."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_positive
from vantage3d.evaluation.depth_metrics import biweights, usable

Floats = NDArray[np.floating[Any]]
# Pairs of points tried for a start: with half of the points wrong, the chance that no
# pair is right is 0.75 ** 200, below 1e-24.
PAIRS, ITERATIONS = 200, 50


class BadFitError(ValueError):
    """A prediction that does not follow the points; the message gives the figures."""


class PointFit(NamedTuple):
    """``metres = scale * pred + shift``, and how well the points agree.

    Attributes:
        scale: Metres per unit of the prediction.
        shift: Metres.
        points: Number of points.
        inliers: Share of the points within the rules' ``inlier_error``.
        error: Median over all points of |scale pred + shift - z| / z.
        near: Depth of the nearest inlier in metres.
        far: Depth of the farthest inlier in metres.
    """

    scale: float
    shift: float
    points: int
    inliers: float
    error: float
    near: float
    far: float


@dataclass(frozen=True)
class FitRules:
    """What a fit must reach to be trusted.

    Attributes:
        min_points: Points on usable predictions.
        inlier_error: Relative error up to which a point agrees.
        min_inliers: Share of points that must agree.
        max_error: Largest median relative error.

    Raises:
        ValueError: If a value is not positive.
    """

    min_points: int = 50
    inlier_error: float = 0.1
    min_inliers: float = 0.6
    max_error: float = 0.05

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            check_positive(name, value)

    def check(self, fit: PointFit) -> None:
        """Raise a BadFitError if ``fit`` is not to be trusted."""
        wrong = [
            (fit.scale <= 0, f"scale {fit.scale:.4g}, expected a positive one"),
            (
                fit.inliers < self.min_inliers,
                f"{fit.inliers:.1%} of {fit.points} points within "
                f"{self.inlier_error:.0%}, expected {self.min_inliers:.0%}",
            ),
            (
                fit.error > self.max_error,
                f"median error {fit.error:.1%}, expected at most {self.max_error:.1%}",
            ),
        ]
        if found := [text for bad, text in wrong if bad]:
            raise BadFitError(f"bad fit: {'; '.join(found)}")


def fit_points(pred: Floats, depths: Floats, rules: FitRules) -> PointFit:
    """Robust scale and shift, by relative errors.

    The start is the pair of points whose line leaves the least median error (LMedS); it
    is refined with Tukey's biweight. Same points, same result.

    Args:
        pred: (N,) predicted depth at the points, any unit.
        depths: (N,) their z-depth in metres, positive.
        rules: What the fit must reach.

    Returns:
        The fit.

    Raises:
        BadFitError: If there are too few points, or the rules are not met.
    """
    good = usable(pred)
    p, z = pred[good].astype(np.float64), depths[good].astype(np.float64)
    if len(p) < rules.min_points:
        raise BadFitError(
            f"{len(p)} points on usable predictions ({len(pred)} in all), expected at "
            f"least {rules.min_points}"
        )
    # relative: (s p + b) / z = 1, linear in (s, b)
    rows = np.stack([p / z, 1 / z], axis=1)
    best = _refine(rows, _start(rows))
    errors = np.abs(rows @ best - 1)
    agree = errors <= rules.inlier_error
    span = (z[agree].min(), z[agree].max()) if agree.any() else (np.nan, np.nan)
    values = (*best, len(p), agree.mean(), np.median(errors), *span)
    scale, shift, points, inliers, error, near, far = (float(v) for v in values)
    fit = PointFit(scale, shift, int(points), inliers, error, near, far)
    rules.check(fit)
    return fit


def _start(rows: Floats) -> Floats:
    """(2,) scale and shift through two points, of many pairs the best."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(len(rows), size=(PAIRS, 2))
    systems = rows[pairs]
    solvable = np.abs(np.linalg.det(systems)) > 1e-12
    alone = np.array([[1 / np.median(rows[:, 0]), 0.0]])  # if no pair is solvable
    lines = np.linalg.solve(systems[solvable], np.ones((solvable.sum(), 2, 1)))[..., 0]
    candidates = np.concatenate([alone, lines])
    medians = np.median(np.abs(candidates @ rows.T - 1), axis=1)
    return candidates[medians.argmin()]


def _refine(rows: Floats, line: Floats) -> Floats:
    for _ in range(ITERATIONS):
        root = np.sqrt(biweights(rows @ line - 1))
        before = line
        line = np.linalg.lstsq(rows * root[:, None], root, rcond=None)[0]
        if np.allclose(line, before, rtol=1e-10, atol=1e-12):
            break
    return line
