"""Statistics of many metrics over frames, and how far a mean would move.

Frames come in clusters, the windows: means are over frames, confidence intervals over
windows. Frames of one window share a scene and a scale, so what the bootstrap draws
again and again is windows, whole, never single frames. What is kept is one float per
metric and frame. NaN is what could not be measured: it is counted, and takes no part.
"""

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_choice, check_positive, check_shape

Record = Mapping[str, float]
Floats = NDArray[np.float64]
NAN = float("nan")
LEVEL = 0.95  # share of the resampled means inside an interval


@dataclass(frozen=True)
class Summary:
    """Statistics of one metric over frames, or windows; NaN where nothing was measured.

    ``std`` is that of the population, ``count`` and ``missing`` are frames that have
    the metric or lack it, ``ci_low`` and ``ci_high`` the ends of the 95 % interval of
    the mean, NaN of a single window.
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


class RunningSummary:
    """Gathers records; the result does not depend on the order of the clusters.

    Example:
        >>> summary = RunningSummary()
        >>> summary.add([{"mae": 1.0}, {"mae": 3.0}])
        >>> summary.add([{"mae": float("nan")}])
        >>> summary["mae"].mean, summary["mae"].count, summary["mae"].missing
        (2.0, 2, 1)
    """

    def __init__(self) -> None:
        self.clusters = 0
        self._values: dict[str, array] = {}
        self._owners: dict[str, array] = {}

    def add(self, records: Sequence[Record]) -> None:
        """Take the records of one cluster: its frames, or the one of the window."""
        for record in records:
            for name, value in record.items():
                self._values.setdefault(name, array("d")).append(value)
                self._owners.setdefault(name, array("l")).append(self.clusters)
        self.clusters += 1

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
        found = {name: self[name] for name in sorted(self._values)}
        if self.clusters < 2:  # one window says nothing of how far others are
            return found
        draws = draw_clusters(self.clusters)
        for name, summary in found.items():
            sums, counts = self._by_cluster(name)
            (low,), (high,) = interval(resampled_means(sums, counts, draws))
            found[name] = replace(summary, ci_low=float(low), ci_high=float(high))
        return found

    def _by_cluster(self, name: str) -> tuple[Floats, Floats]:
        """(C, 1) sums and counts of the clusters, in an order of the values alone."""
        values, owners = np.array(self._values[name]), np.array(self._owners[name])
        known = ~np.isnan(values)
        order = np.lexsort((values[known], owners[known]))
        values, owners = values[known][order], owners[known][order]
        sums = np.bincount(owners, values, self.clusters).astype(np.float64)
        counts = np.bincount(owners, minlength=self.clusters).astype(np.float64)
        order = np.lexsort((counts, sums))
        return sums[order, None], counts[order, None]


def draw_clusters(clusters: int, resamples: int = 1000, seed: int = 0) -> Floats:
    """How often each cluster is in each resample.

    The same numbers for every model that is measured on the same clusters, so that
    differences of models can be resampled too.

    Returns:
        (resamples, clusters) whole numbers; every row sums to ``clusters``.
    """
    check_positive("clusters", clusters)
    check_positive("resamples", resamples)
    rng = np.random.default_rng(seed)
    shares = np.full(clusters, 1 / clusters)
    return rng.multinomial(clusters, shares, size=resamples).astype(np.float64)


def resampled_means(sums: Floats, counts: Floats, draws: Floats) -> Floats:
    """Mean over the values of the drawn clusters, for every resample.

    Args:
        sums: (C, M) sum of the values of each cluster, for M metrics.
        counts: (C, M) how many values those are; 0 where a metric has none.
        draws: (R, C) of :func:`draw_clusters`.

    Returns:
        (R, M); NaN where a resample has no value.

    Raises:
        ValueError: If shapes disagree.
    """
    dims = check_shape("sums", sums, "C M")
    check_shape("counts", counts, "C M", dims=dims)
    check_shape("draws", draws, "R C", dims=dims)
    number = draws @ counts
    total = draws @ np.where(counts > 0, sums, 0)
    return np.divide(total, number, out=np.full(number.shape, np.nan), where=number > 0)


def interval(values: Floats) -> tuple[Floats, Floats]:
    """Ends of the central 95 % of (R, M) resampled values (percentile interval).

    Returns:
        (M,) lower and upper ends; NaN where there is no value.
    """
    low, high = np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    ends = (1 - LEVEL) / 2, (1 + LEVEL) / 2
    for i, column in enumerate(values.T):
        known = column[~np.isnan(column)]
        if len(known):
            low[i], high[i] = np.quantile(known, ends)
    return low, high
