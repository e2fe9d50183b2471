"""Statistics of many metrics over frames, and how far a mean would move.

Means are over frames, or windows; intervals over the clusters that these come from, see
:mod:`vantage3d.evaluation.intervals`. What is kept is three numbers per metric and
frame. NaN is what could not be measured: it is counted, and takes no part.
"""

import math
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_choice
from vantage3d.evaluation.intervals import (
    cluster_interval,
    cluster_of,
    weighted_means,
)

Record = Mapping[str, float]
Floats = NDArray[np.float64]
NAN = float("nan")


@dataclass(frozen=True)
class Summary:
    """Statistics of one metric over frames, or windows; NaN where nothing was measured.

    ``std`` is that of the population, ``count`` and ``missing`` are frames that have
    the metric or lack it, ``ci_low`` and ``ci_high`` the ends of the 95 % interval of
    the mean, NaN of a single cluster; ``ci_clusters`` and ``ci_frames`` are the
    independent clusters and the distinct frames that it rests on.
    """

    mean: float = NAN
    std: float = NAN
    median: float = NAN
    min: float = NAN
    max: float = NAN
    count: int = 0
    missing: int = 0
    ci_low: float = NAN
    ci_high: float = NAN
    ci_clusters: int = 0
    ci_frames: int = 0


class RunningSummary:
    """Gathers records; the result does not depend on the order they come in.

    Example:
        >>> summary = RunningSummary()
        >>> summary.add([{"mae": 1.0}, {"mae": 3.0}], "drive_1", [[8], [9]])
        >>> summary.add([{"mae": float("nan")}], "drive_2", [[0]])
        >>> summary["mae"].mean, summary["mae"].count, summary["mae"].missing
        (2.0, 2, 1)
    """

    def __init__(self) -> None:
        self._clusters: dict[str, int] = {}
        self._frames: dict[tuple[str, int], int] = {}
        self._values: dict[str, array] = {}
        self._owners: dict[str, array] = {}
        self._seen: dict[str, array] = {}

    def add(
        self, records: Sequence[Record], sequence: str, frames: Sequence[Sequence[int]]
    ) -> None:
        """Take records of one sequence.

        Args:
            records: Of frames, or of a window as a whole.
            sequence: Name of the recording.
            frames: Numbers of the frames that each record is of.
        """
        cluster = self._clusters.setdefault(cluster_of(sequence), len(self._clusters))
        for record, numbers in zip(records, frames, strict=True):
            places = [
                self._frames.setdefault((sequence, number), len(self._frames))
                for number in numbers
            ]
            for name, value in record.items():
                self._values.setdefault(name, array("d")).append(value)
                self._owners.setdefault(name, array("l")).append(cluster)
                if not math.isnan(value):
                    self._seen.setdefault(name, array("l")).extend(places)

    def values(self, name: str) -> Floats:
        """Everything that was measured of a metric, sorted.

        Raises:
            ValueError: If no record has the metric.
        """
        check_choice("name", name, self._values)
        values = np.array(self._values[name])
        return np.sort(values[~np.isnan(values)])

    def total(self, name: str) -> float:
        """Sum over all frames, of counts for example; 0 for an unknown name."""
        return float(self.values(name).sum()) if name in self._values else 0.0

    def __getitem__(self, name: str) -> Summary:
        """Statistics of a metric, without an interval."""
        values = self.values(name)
        missing = len(self._values[name]) - len(values)
        if not len(values):
            return Summary(missing=missing)
        middle = float(np.median(values))
        mean, std = float(values.mean()), float(values.std())
        ends = float(values[0]), float(values[-1])
        return Summary(mean, std, middle, *ends, len(values), missing)

    def summaries(self) -> dict[str, Summary]:
        """Statistics of every metric with intervals, by name."""
        return {name: self._with_interval(name) for name in sorted(self._values)}

    def _with_interval(self, name: str) -> Summary:
        sums, counts = self._by_cluster(name)
        if not len(sums):
            return self[name]
        (low,), (high,) = cluster_interval(
            lambda weights: weighted_means(sums, counts, weights), len(sums)
        )
        return replace(
            self[name],
            ci_low=float(low),
            ci_high=float(high),
            ci_clusters=len(sums),
            ci_frames=len(np.unique(self._seen[name])),
        )

    def _by_cluster(self, name: str) -> tuple[Floats, Floats]:
        """(C, 1) sums and counts of the clusters, in an order of the values alone."""
        values, owners = np.array(self._values[name]), np.array(self._owners[name])
        known = ~np.isnan(values)
        order = np.lexsort((values[known], owners[known]))
        values, owners = values[known][order], owners[known][order]
        number = np.bincount(owners)
        sums = np.bincount(owners, values)[number > 0].astype(np.float64)
        counts = number[number > 0].astype(np.float64)
        order = np.lexsort((counts, sums))
        return sums[order, None], counts[order, None]
