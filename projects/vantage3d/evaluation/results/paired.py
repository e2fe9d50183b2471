"""Confidence intervals of the gain over the baseline, paired by window.

Both models saw the same windows, so hard and easy windows cancel in the difference:
windows are drawn with replacement, the same ones for both.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.bootstrap import draw_clusters, interval, resampled_means
from vantage3d.evaluation.results.run import Model
from vantage3d.evaluation.results.score import Scoring, term
from vantage3d.evaluation.results.tables import Table, read_frames, read_windows

LEAST = 2  # windows; one says nothing of how far others are
TOTAL = "total"
Array = NDArray[np.float64]


class Interval(NamedTuple):
    """Ends of a 95 % interval."""

    low: float
    high: float

    @property
    def holds_zero(self) -> bool:
        return self.low <= 0 <= self.high


class Sums(NamedTuple):
    """Per window: (W, M) sums of each metric over its values, and their number."""

    totals: Array
    counts: Array


def gain_intervals(
    model: Model, baseline: Model, formula: str, by: Scoring
) -> dict[str, Interval] | None:
    """95 % interval of the gain of each component, and of their sum as ``total``.

    Returns:
        None if a model has no table of at least two windows, or a table that lacks a
        component.
    """
    after, before = (window_sums(m, by.metrics) for m in (model, baseline))
    if after is None or before is None or len(after.totals) < LEAST:
        return None
    draws = draw_clusters(len(after.totals))
    means = [resampled_means(*sums, draws) for sums in (after, before)]
    terms = [
        np.stack([term(c, m[:, i], formula) for i, c in enumerate(by.components)], 1)
        for m in means
    ]
    gains = terms[0] - terms[1]
    ends = interval(np.column_stack([gains, gains.sum(1)]))
    names = [*(component.label for component in by.components), TOTAL]
    return {n: Interval(float(a), float(b)) for n, a, b in zip(names, *ends)}


def window_sums(model: Model, metrics: tuple[str, ...]) -> Sums | None:
    """Sums per window, over frames where a metric is measured per frame."""
    windows = read_windows(model, metrics)
    if windows is None:
        return None
    frames = read_frames(model, metrics)
    columns = [_column(windows, frames, metric) for metric in metrics]
    known = [column for column in columns if column is not None]
    if len(known) < len(columns):
        return None
    totals, counts = zip(*known)
    return Sums(np.stack(totals, 1), np.stack(counts, 1))


def _column(
    windows: Table, frames: Table | None, metric: str
) -> tuple[Array, Array] | None:
    ids = windows.texts["id"]
    row_of = {name: row for row, name in enumerate(ids)}
    for table, key in ((frames, "window"), (windows, "id")):
        if table is None or metric not in table.numbers:
            continue
        values = table.numbers[metric]
        rows = np.array([row_of.get(name, -1) for name in table.texts[key]])
        known = np.isfinite(values) & (rows >= 0)
        if known.any():
            rows = rows[known]
            totals = np.bincount(rows, values[known], len(ids))
            return totals, np.bincount(rows, minlength=len(ids)).astype(float)
    return None
