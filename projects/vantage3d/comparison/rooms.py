"""Differences of the rows of a comparison, with intervals over rooms."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.instance_outcomes import SceneOutcomes
from vantage3d.evaluation.intervals import Interval, cluster_interval, cluster_of
from vantage3d.evaluation.metrics_table import AP_KEYS


class Difference(NamedTuple):
    """What one row has above another in one metric, mean over the seeds.

    Attributes:
        value: Of all rooms.
        interval: 95 %, over rooms; how far seeds differ is not in it.
    """

    value: float
    interval: Interval

    def text(self) -> str:
        """``+0.174 [+0.120, +0.231]``; the value alone where there is no interval."""
        if np.isnan(self.interval.low):
            return f"{self.value:+.3f}"
        low, high = self.interval.low, self.interval.high
        return f"{self.value:+.3f} [{low:+.3f}, {high:+.3f}]"


Differences = dict[tuple[str, str], dict[str, Difference]]


def differences(rows: Mapping[str, Sequence[SceneOutcomes]]) -> Differences:
    """Second minus first row of every pair of rows, by metric.

    Args:
        rows: Outcomes of each row, one for each seed, of the same frames.

    Raises:
        ValueError: If two runs were judged on other frames or instances.
    """
    first = next(iter(rows.values()))[0]
    for name, runs in rows.items():
        for run in runs:
            _check_same(name, run, first)
    names = [room_of(name) for name in first.names]
    rooms, room = np.unique(np.array(names, np.str_), return_inverse=True)
    pairs = list(combinations(rows, 2))

    def statistic(weights: NDArray[np.floating]) -> NDArray[np.float64]:
        each = weights[:, room]
        means = {
            name: np.mean([run.resampled(each) for run in runs], axis=0)
            for name, runs in rows.items()
        }
        return np.concatenate([means[b] - means[a] for a, b in pairs], axis=1)

    if not pairs:
        return {}
    values = statistic(np.ones((1, len(rooms))))[0]
    ends = zip(*cluster_interval(statistic, len(rooms)))
    counts = len(rooms), len(first.names)
    found = [Difference(v, Interval(*end, *counts)) for v, end in zip(values, ends)]
    step = len(AP_KEYS)
    return {
        pair: dict(zip(AP_KEYS, found[i * step : (i + 1) * step]))
        for i, pair in enumerate(pairs)
    }


def room_of(name: str) -> str:
    """What a frame ``<recording>_<number>``, or a scene of ScanNet, is independent by.

    Example:
        >>> [room_of(name) for name in ("scene0030_01_200", "scene0030_01", "kitchen")]
        ['scene0030', 'scene0030', 'kitchen']
    """
    return cluster_of(name.rpartition("_")[0] or name)


def _check_same(name: str, run: SceneOutcomes, first: SceneOutcomes) -> None:
    alone = sorted(set(run.names) ^ set(first.names))
    if run.names != first.names:
        raise ValueError(
            f"a run of {name} was tested on {len(run.names)} frames, the first run on "
            f"{len(first.names)}: {len(alone)} are of one alone ({alone[:3]}). Test "
            "all on the same frames, in one order"
        )
    if not np.array_equal(run.n_true, first.n_true):
        raise ValueError(
            f"a run of {name} was tested on {run.n_true.sum()} true instances, the "
            f"first run on {first.n_true.sum()}. Test all on the same labels"
        )
