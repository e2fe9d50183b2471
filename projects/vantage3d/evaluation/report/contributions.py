"""Figure 08: which component of the score moved it."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from vantage3d.evaluation.report.positions import Positions, positions
from vantage3d.evaluation.report.score_figures import STYLES
from vantage3d.evaluation.report.style import (
    BASELINE_COLOUR,
    COLOURS,
    MARKERS,
    TEXT,
    CannotDrawError,
    finish,
    new_figure,
    panels,
)
from vantage3d.evaluation.results.paired import TOTAL, gain_intervals
from vantage3d.evaluation.results.run import Model, Run
from vantage3d.evaluation.results.score import (
    FORMULAS,
    NO_CLIP,
    Scoring,
    gains,
    scoring,
    subject,
)


def contributions(run: Run) -> Figure:
    """08: what each component adds to the gain of the best, and of every checkpoint."""
    model, baseline = subject(run), run.baseline
    if baseline is None or model is baseline:
        raise CannotDrawError("needs the baseline and a checkpoint")
    by = scoring(run)
    if by is None:
        raise CannotDrawError("needs AbsRel and delta1 of buildings")
    places = positions(run)
    several = len(places.line) > 1
    figure = new_figure(1 + several, 1, height=8.4 if several else 4.4)
    shown = panels(figure, 1 + several, columns=1)
    _draw_gain_bars(shown[0], model, baseline, by)
    if several:
        _draw_gain_curves(shown[1], baseline, places, by)
    return figure


def _draw_gain_bars(axes: Axes, model: Model, baseline: Model, by: Scoring) -> None:
    names = [component.label for component in by.components] + [TOTAL]
    rows = np.arange(len(names))
    drawn_intervals = False
    for number, formula in enumerate(FORMULAS):
        gain = gains(model, baseline, formula, by)
        gain[TOTAL] = sum(gain.values())
        values = np.array([gain[name] for name in names])
        y = rows + (number - 0.5) * 0.36
        colour, _ = STYLES[formula]
        hatch = "" if number == 0 else "///"
        axes.barh(y, values, 0.36, color=colour, hatch=hatch, ec="white")
        intervals = gain_intervals(model, baseline, formula, by)
        ends = np.stack([values, values])
        if intervals:
            ends = np.array([intervals[name] for name in names]).T
            axes.hlines(y, *ends, color="black", linewidth=1.6)
            drawn_intervals = True
        for place, value, low, high in zip(y, values, *ends):
            _write_gain(axes, place, value, min(low, value), max(high, value))
    axes.axvline(0, color=BASELINE_COLOUR, linewidth=1.2)
    axes.set_yticks(rows, names)
    axes.invert_yaxis()
    axes.margins(x=0.16)
    marks: list = [
        Patch(
            facecolor=STYLES[f][0], hatch="///" if f == NO_CLIP else "", ec="w", label=f
        )
        for f in FORMULAS
    ]
    if drawn_intervals:
        marks.append(
            Line2D([], [], color="black", label="95 % interval, paired by window")
        )
    title = f"Gain of {model.name} over the baseline, {by.name}"
    finish(axes, title, "gain of the score (weight included)", "", marks)
    axes.grid(visible=False, axis="y")


def _write_gain(axes: Axes, y: float, value: float, low: float, high: float) -> None:
    right = value >= 0
    axes.annotate(
        f"{value:+.4f}",
        (high if right else low, y),
        xytext=(5 if right else -5, 0),
        textcoords="offset points",
        ha="left" if right else "right",
        va="center",
        fontsize=TEXT["note"],
    )


def _draw_gain_curves(
    axes: Axes, baseline: Model, places: Positions, by: Scoring
) -> None:
    rows = [gains(model, baseline, NO_CLIP, by) for model in places.line]
    for number, component in enumerate(by.components):
        values = [row[component.label] for row in rows]
        look = {"color": COLOURS[number], "marker": MARKERS[number], "markersize": 5}
        axes.plot(places.x, values, label=component.label, **look)
    axes.axhline(0, color=BASELINE_COLOUR, linestyle=(0, (5, 3)), label="baseline")
    marks, _ = axes.get_legend_handles_labels()
    title = "Gain of every checkpoint by component, score without clip"
    finish(axes, title, places.label, "gain of the score", marks)
    places.label_axis(axes)
