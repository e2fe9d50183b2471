"""95 % intervals of headline figures, over clusters of units that are independent."""

import math
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


class Intervals(NamedTuple):
    """Of headline figures by key, and the number of clusters that they rest on."""

    ends: dict[str, Ends]
    clusters: int


def intervals(
    task: Task,
    units: Sequence[Arrays],
    clusters: Sequence[str],
    other: Sequence[Arrays] | None = None,
) -> Intervals:
    """Intervals of the headline figures of a model, or of its differences to another's.

    A cluster of which no figure can be made, as a scene without a pixel to judge, is no
    evidence and does not count.

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

    answers = [units] if other is None else [units, other]
    parts = [np.flatnonzero(cluster == place) for place in range(len(names))]
    found = [any(_tells(task, one, part) for one in answers) for part in parts]
    telling = np.flatnonzero(found) if any(found) else np.arange(len(names))

    def of_telling(weights: NDArray[np.floating]) -> NDArray[np.floating]:
        whole = np.zeros((len(weights), len(names)))
        whole[:, telling] = weights
        return statistic(whole)

    low, high = cluster_interval(of_telling, len(telling))
    ends = (Ends(float(a), float(b)) for a, b in zip(low, high))
    return Intervals(dict(zip(task.headline, ends)), len(telling))


def _tells(task: Task, units: Sequence[Arrays], part: NDArray[np.integer]) -> bool:
    """Whether some of the units have a figure."""
    figures = task.figures([units[place] for place in part])
    return not all(math.isnan(figures[key]) for key in task.headline)


def basis(clusters: int) -> str:
    """What intervals rest on, for people."""
    few = " (few)" if clusters < FEW else ""
    return f"95 % over {clusters} cluster{'s' * (clusters != 1)}{few}"
