"""How figures look, and panels of metrics over checkpoints with their baseline."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import NDArray

from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.results.run import Model, Run, Stat

# Okabe and Ito's palette, without its yellow, which is faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P")
BASELINE_COLOUR = "#555555"
BEST_COLOUR = COLOURS[1]
GRID = "#dddddd"
DASHED = (0, (5, 3))
DPI = 100
WIDTH = 10.0  # inches: 1000 pixels, the width of the report
ROW = 3.4  # inches per row of panels
BAND = 0.18  # opacity of a confidence band
TEXT = {"title": 12, "label": 11, "tick": 10, "note": 9.5}
MOST_TICKS = 12
BESIDE = 0.04  # of the x axis, between the bars of a model that stands alone


class CannotDrawError(Exception):
    """There is not enough data for a figure; the text says what it needs."""


def new_figure(height: float) -> Figure:
    """Empty figure, inches high."""
    figure = Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
    return figure


def panels(
    count: int, columns: int = 2, height: float | None = None
) -> tuple[Figure, list[Axes]]:
    """A figure with ``count`` axes in rows of ``columns``, without empty ones."""
    rows, columns = -(-count // columns), min(columns, count)
    figure = new_figure(height or ROW * rows + 0.4)
    grid = figure.add_gridspec(rows, columns)
    places = (divmod(i, columns) for i in range(count))
    return figure, [figure.add_subplot(grid[place]) for place in places]


def finish(axes: Axes, title: str, x: str, y: str, marks: Sequence = ()) -> None:
    """Title, axis labels, a quiet grid, no box, and a legend above the data."""
    axes.set_title(title, fontsize=TEXT["title"], loc="left", pad=24 if marks else 6)
    axes.set_xlabel(x, fontsize=TEXT["label"])
    axes.set_ylabel(y.replace(" (", "\n(", 1), fontsize=TEXT["label"])
    if marks:
        place: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (-0.01, 0.985)}
        look = {"ncols": 6, "fontsize": TEXT["note"], "frameon": False}
        gaps = {"columnspacing": 1.4, "handletextpad": 0.5}
        axes.legend(handles=list(marks), **place, **look, **gaps)
    axes.tick_params(labelsize=TEXT["tick"])
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def readable_log(axis: Axis) -> None:
    """Plain numbers on a logarithmic axis, as many as its range has room for."""
    low, high = sorted(axis.get_view_interval())
    digits = (1, 2, 3, 4, 5, 6, 8) if high < 12 * low else (1, 2, 3, 5)
    axis.set_major_locator(LogLocator(subs=digits if high < 100 * low else (1,)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def note(axes: Axes, text: str, place: tuple, offset: tuple, **look: Any) -> None:
    """A small text, moved off its place by some points."""
    look = {"fontsize": TEXT["note"], "textcoords": "offset points", **look}
    axes.annotate(text, place, xytext=offset, **look)


def mark(
    label: str, colour: str, marker: str = "", dash: Any = "-", **look: Any
) -> Line2D:
    """An entry of a legend."""
    look = {"color": colour, "marker": marker, "linestyle": dash, **look}
    return Line2D([], [], label=label, **look)


def legend_below(figure: Figure, handles: Sequence, columns: int = 4) -> None:
    """One legend for all panels."""
    ncols = min(columns, len(handles))
    look = {"ncols": ncols, "fontsize": TEXT["tick"], "frameon": False}
    figure.legend(handles=list(handles), loc="outside lower center", **look)


@dataclass(frozen=True)
class Positions:
    """Checkpoints in order with their places.

    Attributes:
        line: Models that the curve connects.
        x: (N,) places of ``line``.
        merged: Merged models; each is drawn by itself.
        merged_x: (M,) their places.
        numbered: Whether a place is the number in the name. Otherwise models stand side
            by side in the order of their names.
    """

    line: tuple[Model, ...]
    x: NDArray[np.float64]
    merged: tuple[Model, ...]
    merged_x: NDArray[np.float64]
    numbered: bool

    @property
    def label(self) -> str:
        return "checkpoint number" if self.numbered else "model"

    def label_axis(self, axes: Axes) -> None:
        """Ticks that name the checkpoints, few enough to be read."""
        places = np.concatenate([self.x, self.merged_x])
        low, high = places.min(), places.max()
        margin = max((high - low) * 0.04, 0.5 if low == high else 0)
        axes.set_xlim(low - margin, high + margin)
        # does a tick at every place leave room for its number?
        gaps = np.diff(np.sort(self.x)) * (MOST_TICKS * 1.5)
        readable = len(self.x) <= MOST_TICKS and (gaps > np.ptp(self.x)).all()
        if not self.numbered:
            models = (*self.line, *self.merged)
            step = -(-len(models) // MOST_TICKS)
            names = [model.name for model in models[::step]]
            axes.set_xticks(
                places[::step], names, rotation=30, ha="right", rotation_mode="anchor"
            )
        elif readable:
            axes.set_xticks(self.x)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(MOST_TICKS, integer=True))


def positions(run: Run) -> Positions:
    """Places of all models but the baseline, or of the baseline if it stands alone."""
    line = tuple(model for model in run.checkpoints if not model.merged)
    merged = tuple(model for model in run.checkpoints if model.merged)
    steps = [model.step for model in line]
    models = (*line, *merged)
    if not models:
        return Positions(run.models, np.zeros(1), (), np.zeros(0), False)
    numbered = bool(line) and len({*steps, None}) == len(line) + 1
    numbered = numbered and all(model.step is not None for model in merged)
    x = [model.step if numbered else row for row, model in enumerate(models)]
    places = np.array(x, np.float64)
    return Positions(line, places[: len(line)], merged, places[len(line) :], numbered)


class Panel(NamedTuple):
    """Metrics that share one y axis, with their names in its legend."""

    title: str
    lines: Mapping[str, str]
    axis: str = ""  # default: the label of the first metric


def draw_panels(run: Run, wanted: Sequence[Panel]) -> Figure:
    """A grid of the panels that have data.

    Raises:
        CannotDrawError: If none has, or there is no checkpoint.
    """
    places = positions(run)
    lines = [{m: n for m, n in p.lines.items() if run.has(m)} for p in wanted]
    kept = [p._replace(lines=known) for p, known in zip(wanted, lines) if known]
    if not kept:
        raise CannotDrawError("none of its columns holds a number")
    figure, shown = panels(len(kept))
    for axes, panel in zip(shown, kept):
        draw_panel(axes, run, places, panel)
    legend_below(figure, legend_marks(run, places, [m for p in kept for m in p.lines]))
    return figure


def draw_panel(axes: Axes, run: Run, places: Positions, panel: Panel) -> None:
    """Curves of one panel, each with its baseline dashed in the same colour."""
    for number, metric in enumerate(panel.lines):
        colour, marker = COLOURS[number], MARKERS[number]
        look: dict[str, Any] = {"color": colour, "marker": marker}
        values = stats(places.line, metric)
        x = places.x + (number * BESIDE if len(places.x) == 1 else 0)
        band(axes, x, values, colour)
        axes.plot(x, values[:, 0], markersize=6 if len(x) <= 12 else 3.5, **look)
        if places.merged:
            look |= {"linestyle": "", "markersize": 11, "markerfacecolor": "none"}
            axes.plot(places.merged_x, stats(places.merged, metric)[:, 0], **look)
        if run.baseline is not None:
            reference = run.baseline.mean(metric)
            axes.axhline(reference, color=colour, linestyle=DASHED, linewidth=1.6)
    looks = zip(panel.lines.values(), COLOURS, MARKERS)
    marks = [mark(name, *look) for name, *look in looks]
    axis = panel.axis or find(next(iter(panel.lines))).axis
    finish(axes, panel.title, places.label, axis, marks)
    places.label_axis(axes)


def stats(models: Sequence[Model], metric: str) -> NDArray[np.float64]:
    """(N, 3) mean and ends of the interval."""
    rows = [model.stats.get(metric, Stat()) for model in models]
    return np.array([(s.mean, s.low, s.high) for s in rows]).reshape(-1, 3)


def band(
    axes: Axes, x: NDArray[np.float64], values: NDArray[np.float64], colour: str
) -> None:
    """Intervals as a band, or as a bar where one model stands alone."""
    low, high = values[:, 1], values[:, 2]
    if len(x) > 1:
        axes.fill_between(x, low, high, color=colour, alpha=BAND, linewidth=0)
    elif np.isfinite(low).all():
        axes.vlines(x, low, high, color=colour, linewidth=2)


def legend_marks(run: Run, places: Positions, metrics: Sequence[str]) -> list:
    """What dashes, bands and hollow markers mean, as far as they are drawn."""
    marks: list = []
    if run.baseline is not None:
        look = {"dash": DASHED, "linewidth": 1.6}
        marks.append(mark("baseline (same colour)", BASELINE_COLOUR, **look))
    drawn = [m.stats[k].interval for k in metrics for m in places.line if k in m.stats]
    drawn = [interval for interval in drawn if math.isfinite(interval.low)]
    if drawn:
        label = f"95 % interval, {min(drawn, key=lambda i: i.clusters).basis}"
        marks.append(Patch(color=BASELINE_COLOUR, alpha=BAND, label=label))
    if places.merged:
        hollow = {"markersize": 11, "markerfacecolor": "none"}
        marks.append(mark("merged", BASELINE_COLOUR, "o", "", **hollow))
    return marks
