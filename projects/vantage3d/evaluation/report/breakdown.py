"""Figures 14 and 15: by class, and by scene and bucket."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.report.curves import stats
from vantage3d.evaluation.report.style import (
    BASELINE_COLOUR,
    BEST_COLOUR,
    CannotDrawError,
    finish,
    legend_below,
    mark,
    new_figure,
)
from vantage3d.evaluation.results.run import Model, Run, Table, read_windows
from vantage3d.evaluation.results.score import ABS_REL, DELTA1, pair

CLASS = "depth.class."
ENDINGS = ("abs_rel", "delta1")
CLASS_COLUMNS = tuple(f"{CLASS}*.{ending}" for ending in ENDINGS)
SCENE_METRICS = (ABS_REL, DELTA1)
ROW = 0.36  # inches


class Row(NamedTuple):
    """One line of a dot plot: mean and interval of each model."""

    name: str
    values: list[tuple[float, float, float]]


def per_class(run: Run) -> Figure:
    """14: AbsRel and delta1 of every class, the baseline and the best."""
    models = pair(run)
    names = class_names(run)
    if not names:
        raise CannotDrawError(f"needs columns `{CLASS}<class>.abs_rel.mean`")
    groups = [
        [
            Row(name, list(map(tuple, stats(models, f"{CLASS}{name}.{ending}"))))
            for name in names
        ]
        for ending in ENDINGS
    ]
    last = [[v[0] for v in row.values if np.isfinite(v[0])][-1:] for row in groups[0]]
    order = np.argsort([-known[0] if known else np.inf for known in last])
    groups = [[rows[i] for i in order] for rows in groups]
    metrics = [f"{CLASS}{names[0]}.{ending}" for ending in ENDINGS]
    return _draw(groups, models, metrics, "class")


def class_names(run: Run) -> list[str]:
    """Classes that have an AbsRel."""
    end = f".{ENDINGS[0]}"
    found = [m for m in run.metrics if m.startswith(CLASS) and m.endswith(end)]
    return [metric.removeprefix(CLASS).removesuffix(end) for metric in found]


def per_scene(run: Run) -> Figure:
    """15: AbsRel and delta1 on buildings by sequence and by bucket."""
    models = pair(run)
    wanted = [run.here(metric) for metric in SCENE_METRICS]
    tables = [read_windows(model, wanted) for model in models]
    if any(table is None for table in tables):
        raise CannotDrawError("needs windows.csv of the baseline and of the best")
    kept = [m for m in wanted if all(m in t.numbers for t in tables if t)]
    if not kept:
        raise CannotDrawError(f"needs {', '.join(wanted)} in windows.csv")
    groups = [_scene_rows([t for t in tables if t], metric) for metric in kept]
    return _draw(groups, models, kept, "")


def _scene_rows(tables: Sequence[Table], metric: str) -> list[Row]:
    rows = []
    for column in ("bucket", "sequence"):
        for name in sorted(set(tables[0].texts[column]) - {""}):
            values, count = [], 0
            for table in tables:
                mine = np.array(table.texts[column]) == name
                part = table.numbers[metric][mine]
                part = part[np.isfinite(part)]
                count = max(count, len(part))
                mean = float(part.mean()) if len(part) else np.nan
                values.append((mean, np.nan, np.nan))
            windows = f"{count} window{'s' if count != 1 else ''}"
            rows.append(Row(f"{column} {_short(name)}, {windows}", values))
    return rows


def _short(name: str, most: int = 32) -> str:
    """The end of a long name: the beginning is the same for all sequences."""
    return name if len(name) <= most else f"…{name[-most + 1 :]}"


def _draw(
    groups: Sequence[Sequence[Row]],
    models: Sequence[Model],
    metrics: Sequence[str],
    title: str,
) -> Figure:
    figure = new_figure(1, 1, height=1.5 + ROW * len(groups[0]))
    shown = np.atleast_1d(figure.subplots(1, len(groups), sharey=True))
    for axes, rows, metric in zip(shown, groups, metrics):
        _draw_rows(axes, rows, len(models))
        finish(axes, "", find(metric).axis, "")
        axes.grid(visible=False, axis="y")
    shown[0].set_ylabel(title, fontsize=11)
    looks = zip(models, _looks(len(models)))
    legend_below(figure, [mark(model.name, *look, "") for model, look in looks])
    return figure


def _draw_rows(axes: Axes, rows: Sequence[Row], count: int) -> None:
    places = np.arange(len(rows))
    values = np.array([row.values for row in rows])  # (rows, models, 3)
    axes.hlines(
        places, values[..., 0].min(1), values[..., 0].max(1), color="#bbbbbb", zorder=1
    )
    for number, (colour, marker) in enumerate(_looks(count)):
        y = places + 0.14 * (number - (count - 1) / 2)
        mean, low, high = values[:, number].T
        axes.hlines(y, low, high, color=colour, linewidth=2, alpha=0.55)
        axes.plot(mean, y, marker, color=colour, markersize=7)
    axes.set_yticks(places, [row.name for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)


def _looks(count: int) -> tuple[tuple[str, str], ...]:
    return ((BASELINE_COLOUR, "D"), (BEST_COLOUR, "o"))[-count:]
