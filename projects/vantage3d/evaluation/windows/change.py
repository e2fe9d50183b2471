"""Before and after, each with its interval over drives, and the change with its own."""

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.intervals import (
    Interval,
    cluster_interval,
    cluster_of,
    weighted_means,
)
from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.results.folder import MeasuredWindow, Rows
from vantage3d.evaluation.results.windows import EvaluationWindow

Floats = NDArray[np.floating[Any]]
CHANGE = "change"


class Estimates(NamedTuple):
    """(K,) values of metrics, and the ends of their 95 % intervals over clusters."""

    values: Floats
    low: Floats
    high: Floats


def estimates(
    windows: Sequence[EvaluationWindow],
    answers: Mapping[str, Sequence[MeasuredWindow]],
    keys: Sequence[str],
    pair: tuple[str, str] | None = None,
) -> dict[str, Estimates]:
    """Mean of each metric for each answer, and what changes from one to another.

    Args:
        windows: What was measured.
        answers: Name of an answer to its numbers, window by window.
        keys: Metrics of frames or windows; NaN of an answer that lacks one.
        pair: Answers before and after; None for no change.

    Returns:
        By answer, and under :data:`CHANGE` the relative change of the means: paired,
        for what is hard or easy for both cancels. That of a share, for which more is
        better, is the change of what lacks to 1.
    """
    names = list(dict.fromkeys(cluster_of(window.sequence) for window in windows))
    places = [names.index(cluster_of(window.sequence)) for window in windows]
    sums = {
        name: _cluster_sums(places, records, keys) for name, records in answers.items()
    }
    shares = np.array([find(key).higher_is_better is True for key in keys])

    def means(name: str, weights: Floats) -> Floats:
        return weighted_means(*sums[name], weights)

    def change(before: str, after: str, weights: Floats) -> Floats:
        values = (means(name, weights) for name in (before, after))
        old, new = (np.where(shares, 1 - value, value) for value in values)
        with np.errstate(divide="ignore", invalid="ignore"):
            return new / old - 1

    wanted = {name: partial(means, name) for name in answers}
    wanted |= {CHANGE: partial(change, *pair)} if pair else {}
    once, count = np.ones((1, len(names))), len(names)
    return {
        name: Estimates(statistic(once)[0], *cluster_interval(statistic, count))
        for name, statistic in wanted.items()
    }


def cluster_basis(windows: Sequence[EvaluationWindow]) -> str:
    """``6 clusters (few), 66 frames`` of windows."""
    clusters = {cluster_of(window.sequence) for window in windows}
    frames = {(window.sequence, n) for window in windows for n in window.frames}
    return Interval(clusters=len(clusters), frames=len(frames)).basis


def _cluster_sums(
    places: Sequence[int], records: Sequence[MeasuredWindow], keys: Sequence[str]
) -> tuple[Floats, Floats]:
    """(C, K) sums and counts of the values of each cluster."""
    sums, counts = np.zeros((2, max(places) + 1, len(keys)))
    for place, record in zip(places, records, strict=True):
        for column, key in enumerate(keys):
            rows = (row.get(key, math.nan) for row in (*record.frames, record.window))
            known = [value for value in rows if not math.isnan(value)]
            sums[place, column] += sum(known)
            counts[place, column] += len(known)
    return sums, counts


def change_table(found: Mapping[str, Estimates], keys: Sequence[str]) -> Rows:
    """One row per answer, ``value [low, high]``; the change in percent."""

    def cell(name: str, *numbers: float) -> str:
        form = (lambda x: f"{100 * x:+.1f}") if name == CHANGE else "{:.3f}".format
        value, low, high = map(form, numbers)
        return "" if math.isnan(numbers[0]) else f"{value} [{low}, {high}]"

    lines = [
        [f"{name}, %" if name == CHANGE else name, *(cell(name, *n) for n in zip(*row))]
        for name, row in found.items()
    ]
    return Rows(["", *(find(key).axis for key in keys)], lines)
