"""Mean and spread over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """What several seeds gave.

    Attributes:
        mean: Mean.
        std: Sample standard deviation (n - 1); None for one value.
        low: Smallest value.
        high: Largest value.
        count: Number of values.
    """

    mean: float
    std: float | None
    low: float
    high: float
    count: int

    def text(self, digits: int = 3, sign: bool = False) -> str:
        """``mean ± std``, or the mean alone where there is one value."""
        mean = f"{self.mean:{'+' if sign else ''}.{digits}f}"
        return mean if self.std is None else f"{mean} ± {self.std:.{digits}f}"


def spread(values: Sequence[float]) -> Spread:
    """Mean and spread of at least one finite value.

    Raises:
        ValueError: If there are none, or one is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0 or not np.isfinite(array).all():
        raise ValueError(
            f"`values` must be one or more finite numbers, got {list(values)}."
        )
    std = float(array.std(ddof=1)) if array.size > 1 else None
    return Spread(
        float(array.mean()), std, float(array.min()), float(array.max()), array.size
    )


def paired_difference(
    values: Mapping[int, float], baseline: Mapping[int, float]
) -> Spread:
    """Spread of ``values - baseline``, seed by seed.

    What both runs of a seed share (initial weights, order of the data) cancels.

    Args:
        values: Value by seed.
        baseline: Value of the baseline by seed.

    Raises:
        ValueError: If they have no seed in common.
    """
    seeds = sorted(set(values) & set(baseline))
    if not seeds:
        raise ValueError(
            f"`values` has the seeds {sorted(values)} and `baseline` "
            f"{sorted(baseline)}: expected at least one in common."
        )
    return spread([values[seed] - baseline[seed] for seed in seeds])
