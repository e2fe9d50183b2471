"""From the numbers of windows and frames to one row of statistics per metric.

A metric of frames is averaged over frames, one of windows over windows; what could not
be measured takes no part and is missing from ``count``. Confidence intervals come from
drawing whole windows again, the same draws for every model.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from projects.common.evaluation.bootstrap import (
    draw_clusters,
    interval,
    resampled_means,
)
from projects.vggt_lora.evaluation.window_records import MeasuredWindow, Record

STATISTICS = (
    "mean", "std", "median", "min", "max", "count", "ci_low", "ci_high"
)  # fmt: skip
RESAMPLES = 1000
COUNT = "count."  # begins names of numbers that are summed, not averaged
Statistics = dict[str, dict[str, float]]
Floats = NDArray[np.float64]


def metric_names(windows: Sequence[MeasuredWindow]) -> tuple[list[str], list[str]]:
    """Sorted names of the metrics of frames, and of windows."""
    frames = {name for window in windows for frame in window.frames for name in frame}
    whole = {name for window in windows for name in window.window}
    return sorted(frames), sorted(whole)


def summarise(windows: Sequence[MeasuredWindow], seed: int = 0) -> Statistics:
    """Statistics of every metric.

    Args:
        windows: All of an evaluation, in a fixed order; skipped ones have no numbers.
        seed: Of the bootstrap.

    Returns:
        For each metric :data:`STATISTICS` (``std`` with ddof 0); of ``count.*`` also
        ``sum``. NaN where nothing was measured.
    """
    frame_names, window_names = metric_names(windows)
    frames = [window.frames for window in windows]
    whole = [[window.window] if window.window else [] for window in windows]
    draws = draw_clusters(len(windows), RESAMPLES, seed)
    found: Statistics = {}
    for names, rows in ((frame_names, frames), (window_names, whole)):
        if names:
            found |= _statistics(names, rows, draws)
    return dict(sorted(found.items()))


def single(value: float) -> dict[str, float]:
    """Statistics of something measured once."""
    return {
        **dict.fromkeys(("mean", "median", "min", "max"), value),
        "std": 0.0,
        "count": 1,
        "ci_low": float("nan"),
        "ci_high": float("nan"),
    }


def frame_means(window: MeasuredWindow, names: Sequence[str]) -> Record:
    """Means over the frames of a window; NaN where no frame has the metric."""
    table = _table(window.frames, names)
    return {n: mean(column) for n, column in zip(names, table.T)}


def mean(values: Floats) -> float:
    """Mean of what is known; NaN of nothing."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else float("nan")


def cluster_sums(
    names: Sequence[str], clusters: Sequence[Sequence[Record]]
) -> tuple[Floats, Floats]:
    """(C, M) sums and numbers of the known values of each cluster of rows."""
    tables = [_table(rows, names) for rows in clusters]
    sums = np.array([np.nansum(table, axis=0) for table in tables])
    counts = np.array([(~np.isnan(table)).sum(axis=0) for table in tables], float)
    return sums, counts


def _statistics(
    names: Sequence[str], clusters: Sequence[Sequence[Record]], draws: Floats
) -> Statistics:
    table = _table([row for rows in clusters for row in rows], names)
    low, high = interval(resampled_means(*cluster_sums(names, clusters), draws))
    if len(clusters) < 2:  # one window says nothing of how far others are
        low, high = np.full_like(low, np.nan), np.full_like(high, np.nan)
    found = {}
    for i, name in enumerate(names):
        values = table[:, i][~np.isnan(table[:, i])]
        found[name] = {**_of(values), "ci_low": low[i], "ci_high": high[i]}
        if name.startswith(COUNT):
            found[name]["sum"] = float(values.sum())
    return found


def _of(values: Floats) -> dict[str, float]:
    if not len(values):
        empty = dict.fromkeys(("mean", "std", "median", "min", "max"), float("nan"))
        return {**empty, "count": 0}
    return {
        "mean": float(values.mean()),
        "std": float(values.std()),
        "median": float(np.median(values)),
        "min": float(values.min()),
        "max": float(values.max()),
        "count": len(values),
    }


def _table(rows: Sequence[Record], names: Sequence[str]) -> Floats:
    """(N, M) values; NaN where a row lacks a name."""
    nan = float("nan")
    values = [[row.get(name, nan) for name in names] for row in rows]
    return np.array(values, np.float64).reshape(len(rows), len(names))
