"""Figure 06: how steady the training was."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.report.curves import Positions, positions
from vantage3d.evaluation.report.style import (
    BASELINE_COLOUR,
    COLOURS,
    DASHED,
    MARKERS,
    TEXT,
    CannotDrawError,
    finish,
    legend_below,
    new_figure,
    note,
)
from vantage3d.evaluation.results.run import Run
from vantage3d.evaluation.results.score import DELTA1, SCORE_METRICS, subject

STEADY_METRIC = DELTA1
CURVES = SCORE_METRICS
WINDOW = 5  # checkpoints
STEADY = 5.0  # percent
LEAST = 3  # checkpoints
AROUND = 5  # checkpoints before and after the best that the zoom shows
Values = NDArray[np.float64]


def rolling_variation(values: Values, window: int) -> Values:
    """Coefficient of variation of every ``window`` consecutive values, in percent.

    Args:
        values: (N,)
        window: At most N.

    Returns:
        (N - window + 1,) population standard deviation over mean, times 100.
    """
    parts = np.lib.stride_tricks.sliding_window_view(values, window)
    return 100 * parts.std(1) / np.abs(parts.mean(1))


def improvement(values: Values, reference: float, higher_is_better: bool) -> Values:
    """Change against ``reference`` in percent, positive where it is better."""
    change = 100 * (values - reference) / abs(reference)
    return change if higher_is_better else -change


def training_stability(run: Run) -> Figure:
    """06: improvement over the baseline, a zoom on the best, and the variation."""
    places = positions(run)
    curves = _curves(run, places)
    if len(places.line) < LEAST or not curves:
        raise CannotDrawError(f"needs {LEAST} checkpoints, has {len(places.line)}")
    steady = np.array([model.mean(run.here(STEADY_METRIC)) for model in places.line])
    with_variation = bool(np.isfinite(steady).any())
    zoomed = len(places.line) > 2 * AROUND + 1
    figure = new_figure(2, 1, height=7.4 if with_variation else 4.0)
    grid = figure.add_gridspec(1 + with_variation, 1 + zoomed)
    top = figure.add_subplot(grid[0, 0])
    _draw_curves(top, run, places, curves)
    if zoomed:
        axes = figure.add_subplot(grid[0, 1])
        _draw_curves(axes, run, places, curves)
        _zoom(axes, run, places, curves)
    if with_variation:
        axes = figure.add_subplot(grid[1, :])
        _draw_variation(axes, places, steady, run.where)
    legend_below(figure, top.get_lines(), columns=3)
    return figure


def _curves(run: Run, places: Positions) -> dict[str, Values]:
    curves = {}
    for metric in CURVES:
        name = run.here(metric)
        values = np.array([model.mean(name) for model in places.line])
        first = values[np.isfinite(values)][:1]
        start = run.baseline.mean(name) if run.baseline else first.sum()
        if first.size and np.isfinite(start) and start != 0:
            better = bool(find(metric).higher_is_better)
            curves[metric] = improvement(values, float(start), better)
    return curves


def _draw_curves(axes: Axes, run: Run, places: Positions, curves: dict) -> None:
    for metric, values in curves.items():
        number = CURVES.index(metric)
        look = {"color": COLOURS[number], "marker": MARKERS[number], "markersize": 4}
        axes.plot(places.x, values, label=find(metric).label, **look)
    start = "baseline" if run.baseline else "first checkpoint"
    look = {"color": BASELINE_COLOUR, "linestyle": DASHED}
    axes.axhline(0, label=start, **look)
    finish(axes, f"Metrics of {run.where}", places.label, f"better than {start}, in %")
    places.label_axis(axes)


def _zoom(axes: Axes, run: Run, places: Positions, curves: dict) -> None:
    """Limit the axes to the checkpoints around the best."""
    model = subject(run)
    middle = places.line.index(model) if model in places.line else 0
    last = len(places.x) - 1
    low = max(0, min(middle - AROUND, last - 2 * AROUND))
    part = slice(low, low + 2 * AROUND + 1)
    heights = np.concatenate([values[part] for values in curves.values()])
    axes.set_xlim(places.x[part][0], places.x[part][-1])
    span = max(np.nanmax(heights) - np.nanmin(heights), 1e-9)
    axes.set_ylim(np.nanmin(heights) - 0.1 * span, np.nanmax(heights) + 0.1 * span)
    axes.set_title(f"Around the best, {model.name}", fontsize=TEXT["title"], loc="left")


def _draw_variation(axes: Axes, places: Positions, steady: Values, where: str) -> None:
    window = min(WINDOW, max(LEAST, len(steady) // 2))
    variation = rolling_variation(steady, window)
    x = places.x[window - 1 :]
    axes.plot(x, variation, color=COLOURS[0], marker="o", markersize=4)
    axes.axhline(STEADY, color=COLOURS[1], linestyle=":", linewidth=2)
    look = {"xycoords": ("axes fraction", "data"), "color": COLOURS[1]}
    note(axes, f"steady below {STEADY:g} %", (0.005, STEADY), (0, 4), **look)
    title = f"Variation of delta1 of {where} over {window} checkpoints"
    finish(axes, title, places.label, "std / mean in %")
    places.label_axis(axes)
    axes.set_ylim(0, 1.25 * max(STEADY, np.nanmax(variation)))
