"""Confidence intervals of the gain over the baseline, paired by window.

Both models saw the same windows, so hard and easy windows cancel in the difference:
windows are drawn with replacement, the same ones for both.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from projects.vggt_lora.evaluation.report.run import Model
from projects.vggt_lora.evaluation.report.score import (
    COMPONENTS,
    SCORE_METRICS,
    term,
)
from projects.vggt_lora.evaluation.report.tables import Table, read_frames, read_windows

DRAWS = 2000
SEED = 0
LEVEL = (2.5, 97.5)
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

    def means(self, draws: Array) -> Array:
        """(D, M) mean of each metric in each of (D, W) draws of windows."""
        with np.errstate(invalid="ignore"):
            return (draws @ self.totals) / (draws @ self.counts)


def gain_intervals(
    model: Model, baseline: Model, formula: str
) -> dict[str, Interval] | None:
    """95 % interval of the gain of each component, and of their sum as ``total``.

    Returns:
        None if a model has no window table, or one that lacks a component.
    """
    sums = [window_sums(m, SCORE_METRICS) for m in (model, baseline)]
    if any(item is None for item in sums):
        return None
    windows = len(sums[0].totals)
    draws = np.random.default_rng(SEED).multinomial(
        windows, np.full(windows, 1 / windows), DRAWS
    )
    after, before = (item.means(draws.astype(float)) for item in sums)
    gains = {
        component.label: term(component, after[:, column], formula)
        - term(component, before[:, column], formula)
        for column, component in enumerate(COMPONENTS)
    }
    gains["total"] = sum(gains.values())
    return {
        name: Interval(*(float(end) for end in np.nanpercentile(values, LEVEL)))
        for name, values in gains.items()
    }


def window_sums(model: Model, metrics: tuple[str, ...]) -> Sums | None:
    """Sums per window, over frames where a metric is measured per frame."""
    windows = read_windows(model, metrics)
    if windows is None:
        return None
    ids = windows.texts["id"]
    frames = read_frames(model, metrics)
    columns = [_column(ids, windows, frames, metric) for metric in metrics]
    if any(column is None for column in columns):
        return None
    totals, counts = zip(*columns)
    return Sums(np.stack(totals, 1), np.stack(counts, 1))


def _column(
    ids: list[str], windows: Table, frames: Table | None, metric: str
) -> tuple[Array, Array] | None:
    for table, key in ((frames, "window"), (windows, "id")):
        if table is None or metric not in table.numbers:
            continue
        values = table.numbers[metric]
        known = np.isfinite(values)
        if not known.any():
            continue
        place = {name: row for row, name in enumerate(ids)}
        rows = np.array([place[name] for name in table.texts[key]])[known]
        size = len(ids)
        return (
            np.bincount(rows, values[known], size),
            np.bincount(rows, minlength=size).astype(float),
        )
    return None
