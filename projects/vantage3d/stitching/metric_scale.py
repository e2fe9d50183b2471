"""Metres per unit of a predicted world: from known poses, known depth or one length."""

from dataclasses import dataclass

import numpy as np

from vantage3d.geometry.similarity import Floats

PAIRS = 2000  # of cameras whose distances are compared
TO_SIGMA = 1.4826  # of a median deviation, for normal errors
LEAST_POSES = 3
STILL = 1e-6  # of the largest distance: shorter ones are no baseline
FAR = 0.25  # of the largest distance: shorter ones are mostly noise


@dataclass(frozen=True)
class MetricScale:
    """A scale, and what is known about it.

    Attributes:
        value: Metres per unit.
        spread: Robust standard deviation of the single values relative to the scale;
            NaN where there was one value.
        source: ``poses``, ``depth`` or ``length``.
        count: How many values it is the median of.
    """

    value: float
    spread: float
    source: str
    count: int

    def __str__(self) -> str:
        return (
            f"{self.value:.4g} m per unit from {self.source} ({self.count} values, "
            f"spread {self.spread:.1%})"
        )


def robust(ratios: Floats, source: str) -> MetricScale | None:
    """The median of ratios, by their logarithms; None without any."""
    logs = np.log(ratios[np.isfinite(ratios) & (ratios > 0)])
    if not len(logs):
        return None
    middle = np.median(logs)
    spread = TO_SIGMA * np.median(np.abs(logs - middle)) if len(logs) > 1 else np.nan
    return MetricScale(float(np.exp(middle)), float(spread), source, len(logs))


def from_poses(predicted: Floats, known: Floats, seed: int = 0) -> MetricScale | None:
    """From distances between cameras.

    Pairs that are far apart count, so neither a turned world nor noise of single poses
    matters, and poses that jump spoil the pairs that they are in alone.

    Args:
        predicted: (N, 4, 4) cam2world in the network's unit.
        known: (N, 4, 4) cam2world, metres.
        seed: Seed of the pairs, where there are too many for all.

    Returns:
        None for fewer than three cameras, or cameras that stand still.
    """
    if len(known) < LEAST_POSES:
        return None
    i, j = np.triu_indices(len(known), 1)
    if len(i) > PAIRS:
        chosen = np.random.default_rng(seed).choice(len(i), PAIRS, replace=False)
        i, j = i[chosen], j[chosen]
    true, found = (
        np.linalg.norm(poses[i, :3, 3] - poses[j, :3, 3], axis=1)
        for poses in (known, predicted)
    )
    size = 1 + np.abs(known[:, :3, 3]).max()
    if true.max() <= STILL * size or found.max() <= 0:
        return None
    far = (true >= FAR * true.max()) & (found > STILL * found.max())
    return robust(true[far] / found[far], "poses")


def of_depth(predicted: Floats, known: Floats) -> float:
    """Median ratio of known to predicted depth of one frame; NaN without any.

    Args:
        predicted: (M,) in the network's unit, 0 where missing.
        known: (M,) metres at the same places, 0 where missing.
    """
    both = (predicted > 0) & (known > 0)
    return float(np.median(known[both] / predicted[both])) if both.any() else np.nan
