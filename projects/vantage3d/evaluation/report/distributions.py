"""Figure 12: how the error on buildings is distributed over frames."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from vantage3d.evaluation.report.positions import Positions, positions
from vantage3d.evaluation.report.style import (
    BASELINE_COLOUR,
    BEST_COLOUR,
    COLOURS,
    CannotDrawError,
    finish,
    new_figure,
    panels,
    readable_log,
)
from vantage3d.evaluation.results.run import Model, Run
from vantage3d.evaluation.results.score import pair, subject
from vantage3d.evaluation.results.tables import read_frames

METRIC = "depth.building.abs_rel"
COLUMNS = (METRIC,)
BINS = 30
AXIS = "AbsRel of a frame"
WHISKERS = (5, 95)  # percentiles
Values = NDArray[np.float64]


def frame_errors(model: Model, metric: str) -> Values:
    """(N,) values of the frames that have one."""
    table = read_frames(model, [metric])
    values = table.numbers.get(metric) if table is not None else None
    return np.zeros(0) if values is None else values[np.isfinite(values)]


def building_errors(run: Run) -> Figure:
    """12: histogram of the baseline and the best, box plots of every model."""
    chosen = subject(run)
    places = positions(run)
    metric = run.here(METRIC)
    errors = {model.name: frame_errors(model, metric) for model in run.models}
    if not errors[chosen.name].size:
        raise CannotDrawError(f"needs `{metric}` in models/{chosen.name}/frames.csv")
    if not any((errors[m.name] > 0).any() for m in pair(run)):
        raise CannotDrawError(f"every `{metric}` is 0: there is no distribution")
    figure = new_figure(2, 1, height=7.6)
    top, bottom = panels(figure, 2, columns=1)
    shown = {m.name: errors[m.name] for m in pair(run)}
    _draw_histogram(top, shown, chosen.name, f"Histogram, {run.where}")
    _draw_boxes(bottom, places, errors)
    return figure


def _draw_histogram(
    axes: Axes, errors: dict[str, Values], chosen: str, title: str
) -> None:
    together = np.concatenate(list(errors.values()))
    positive = together[together > 0]
    low, high = positive.min(), positive.max()
    edges = np.geomspace(low, max(high, low * 1.1), BINS + 1)
    for name, values in errors.items():
        colour = BEST_COLOUR if name == chosen else BASELINE_COLOUR
        look = {"color": colour, "linewidth": 2}
        counts, _ = np.histogram(np.clip(values, low, high), edges)
        axes.stairs(counts, edges, fill=True, color=colour, alpha=0.15)
        axes.stairs(counts, edges, label=f"{name}, {values.size} frames", **look)
        axes.axvline(np.median(values), linestyle="-", **look)
        axes.axvline(np.mean(values), linestyle=":", **look)
    axes.set_xscale("log")
    readable_log(axes.xaxis)
    lines = [
        Line2D([], [], color="black", linestyle=dash, label=name)
        for dash, name in (("-", "median"), (":", "mean"))
    ]
    handles, _ = axes.get_legend_handles_labels()
    x = f"{AXIS} (logarithmic)"
    finish(axes, title, x, "number of frames", [*handles, *lines])


def _draw_boxes(axes: Axes, places: Positions, errors: dict[str, Values]) -> None:
    models, x = places.line, places.x
    kept = [i for i, model in enumerate(models) if errors[model.name].size]
    gap = np.diff(np.sort(places.x)).min() if len(places.x) > 1 else 1.0
    size = 5 if len(kept) <= 12 else 3
    axes.boxplot(
        [errors[models[i].name] for i in kept],
        positions=x[kept],
        widths=gap * 0.55,
        whis=WHISKERS,  # codespell:ignore whis
        showfliers=False,
        showmeans=True,
        manage_ticks=False,
        medianprops={"color": COLOURS[1], "linewidth": 2},
        meanprops={"marker": "D", "markerfacecolor": COLOURS[2], "markersize": size,
                   "markeredgecolor": "none"},
    )  # fmt: skip
    baseline = errors.get("baseline", np.zeros(0))
    if baseline.size:
        for level, dash in ((25, ":"), (50, (0, (5, 3))), (75, ":")):
            height = np.percentile(baseline, level)
            axes.axhline(height, color=BASELINE_COLOUR, linestyle=dash, linewidth=1.4)
    axes.set_yscale("log")
    readable_log(axes.yaxis)
    marks = [
        Line2D([], [], color=COLOURS[1], linewidth=2, label="median"),
        Line2D([], [], color=COLOURS[2], marker="D", linestyle="", label="mean"),
        Line2D([], [], color=BASELINE_COLOUR, dashes=(5, 3),
               label="baseline: median, quartiles dotted"),
    ]  # fmt: skip
    title = "Boxes: quartiles, whiskers: 5 to 95 % of the frames"
    finish(axes, title, places.label, f"{AXIS} (log., lower is better)", marks)
    places.label_axis(axes)
    axes.set_xlim(x.min() - gap * 0.7, x.max() + gap * 0.7)
