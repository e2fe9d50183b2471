"""95 % intervals of headline figures, over clusters of units that are independent."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.intervals import FEW, cluster_interval
from vantage3d.referee.task import Arrays, Task


class Ends(NamedTuple):
    """Of an interval; NaN of a single cluster, which says nothing of others."""

    low: float
    high: float


def intervals(
    task: Task,
    units: Sequence[Arrays],
    clusters: Sequence[str],
    other: Sequence[Arrays] | None = None,
) -> dict[str, Ends]:
    """Ends of each headline figure of a model, or of its difference to another's.

    Args:
        task: Makes figures of units.
        units: What each unit gave.
        clusters: Which piece of the world each shows; those of one are drawn together.
        other: Another model's of the same units, which is taken off.
    """
    names, cluster = np.unique(np.array(clusters, np.str_), return_inverse=True)

    def statistic(weights: NDArray[np.floating]) -> NDArray[np.floating]:
        each = weights[:, cluster]
        found = task.resampled(units, each)
        return found if other is None else found - task.resampled(other, each)

    low, high = cluster_interval(statistic, len(names))
    return {
        key: Ends(float(a), float(b)) for key, a, b in zip(task.headline, low, high)
    }


def basis(clusters: Sequence[str]) -> str:
    """What intervals rest on, for people."""
    count = len(set(clusters))
    few = " (few)" if count < FEW else ""
    return f"95 % over {count} cluster{'s' * (count != 1)}{few}"
