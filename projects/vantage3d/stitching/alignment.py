"""One chunk onto another: a robust similarity of points that correspond."""

from typing import NamedTuple

import numpy as np

from vantage3d.geometry.similarity import Floats, Similarity, umeyama

TRIALS, SAMPLE = 48, 4  # hypotheses, and pairs of points of each
ROUNDS = 15
REACH = 0.1  # relative to depth: farther off is no support of a hypothesis
EXACT = 1e-12  # a spread below it is rounding


class Alignment(NamedTuple):
    """How one chunk lies in another.

    Attributes:
        similarity: From the source to the target.
        share: Of the weight, what lies within :data:`REACH` of its partner.
        spread: Weighted median distance of partners relative to their depth.
        points: How many pairs of points there were.
    """

    similarity: Similarity
    share: float
    spread: float
    points: int


def align(
    source: Floats, target: Floats, depth: Floats, weights: Floats, seed: int = 0
) -> Alignment | None:
    """Fit corresponding points, of which many may be wrong.

    Hypotheses from few pairs are judged by the weight of all pairs near them (RANSAC);
    the best is refined by least squares whose weights fall with the distance (Geman and
    McClure's, the width following the median). Distances count relative to depth, as
    depth networks err.

    Args:
        source: (N, 3) finite points.
        target: (N, 3) points that correspond.
        depth: (N,) z-depth of the points in units of the target.
        weights: (N,) confidence, not negative.
        seed: Seed of the hypotheses.

    Returns:
        None where fewer than :data:`SAMPLE` pairs have weight, or points coincide.
    """
    kept = (weights > 0) & (depth > 0)
    source, target, depth, weights = (
        x[kept].astype(np.float64) for x in (source, target, depth, weights)
    )
    if len(source) < SAMPLE:
        return None
    weights = weights / weights.sum()
    found = _hypotheses(source, target, seed)
    if not found:
        return None

    def off(similarity: Similarity) -> Floats:
        return np.linalg.norm(similarity.points(source) - target, axis=1) / depth

    def support(similarity: Similarity) -> float:
        return float(weights @ np.maximum(1 - (off(similarity) / REACH) ** 2, 0))

    best = max(found, key=support)
    for _ in range(ROUNDS):
        errors = off(best)
        width = max(3 * _median(errors, weights), EXACT)
        trusted = weights / depth**2 / (1 + (errors / width) ** 2) ** 2
        refined = umeyama(source, target, weights=trusted)
        if support(refined) < support(best) - 1e-3:
            break
        best = refined
    errors = off(best)
    share = float(weights @ (errors < REACH))
    return Alignment(best, share, _median(errors, weights), len(source))


def _hypotheses(source: Floats, target: Floats, seed: int) -> list[Similarity]:
    """Similarities of a few pairs each."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(len(source), size=(TRIALS, SAMPLE))
    found = []
    for some in rows:
        try:
            found.append(umeyama(source[some], target[some]))
        except ValueError:  # the points coincide
            continue
    return [one for one in found if one.scale > 0]


def _median(values: Floats, weights: Floats) -> float:
    """Where half of the weight lies below; the weights sum to 1."""
    order = np.argsort(values)
    place = int(np.searchsorted(np.cumsum(weights[order]), 0.5))
    return float(values[order[min(place, len(order) - 1)]])
