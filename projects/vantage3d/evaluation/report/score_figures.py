"""Figure 07: the comprehensive score, with and without its clip."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from vantage3d.evaluation.report.positions import Positions, positions
from vantage3d.evaluation.report.style import (
    BASELINE_COLOUR,
    COLOURS,
    TEXT,
    CannotDrawError,
    finish,
    new_figure,
    panels,
)
from vantage3d.evaluation.results.run import Model, Run
from vantage3d.evaluation.results.score import (
    FORMULAS,
    NO_CLIP,
    REFERENCE,
    Scoring,
    score,
    scoring,
)

MOST_VALUES = 8  # bars that get their value written on
MOST_HATCHED = 16
STYLES = {REFERENCE: (COLOURS[0], "o"), NO_CLIP: (COLOURS[1], "s")}


def comprehensive_score(run: Run) -> Figure:
    """07: both scores over checkpoints, and their change against the baseline."""
    places = positions(run)
    by = scoring(run)
    if by is None:
        raise CannotDrawError("needs AbsRel and delta1 of buildings")
    scores = {f: np.array([score(m, f, by) for m in places.line]) for f in FORMULAS}
    with_bars = run.baseline not in (None, *places.line)
    figure = new_figure(1 + with_bars, 1)
    shown = panels(figure, 1 + with_bars, columns=1)
    _draw_scores(shown[0], run.baseline, places, scores, by)
    if run.baseline is not None and with_bars:
        _draw_changes(shown[1], run.baseline, places, scores, by)
    return figure


def _draw_scores(
    axes: Axes, baseline: Model | None, places: Positions, scores: dict, by: Scoring
) -> None:
    for formula, values in scores.items():
        colour, marker = STYLES[formula]
        axes.plot(places.x, values, color=colour, marker=marker, markersize=5)
        if np.isfinite(values).any():
            top = int(np.nanargmax(values))
            look = {"color": colour, "markersize": 17, "markeredgecolor": "black"}
            axes.plot(places.x[top], values[top], "*", zorder=5, **look)
        if baseline is not None:
            reference = score(baseline, formula, by)
            axes.axhline(reference, color=colour, linestyle=(0, (5, 3)))
    marks = [
        Line2D([], [], color=colour, marker=marker, label=formula)
        for formula, (colour, marker) in STYLES.items()
    ]
    marks.append(
        Line2D([], [], color="#888888", linestyle=(0, (5, 3)), label="baseline")
    )
    marks.append(
        Line2D(
            [], [], color="#888888", marker="*", linestyle="", markersize=13,
            label="best",
        )
    )  # fmt: skip
    y = "score, 0 to 1 (higher is better)"
    finish(axes, by.name.capitalize(), places.label, y, marks)
    places.label_axis(axes)
    axes.margins(y=0.2)


def _draw_changes(
    axes: Axes, baseline: Model, places: Positions, scores: dict, by: Scoring
) -> None:
    gap = np.diff(np.sort(places.x)).min() if len(places.x) > 1 else 1.0
    width = gap * 0.38
    for number, (formula, values) in enumerate(scores.items()):
        change = 100 * (values / score(baseline, formula, by) - 1)
        x = places.x + (number - 0.5) * width
        colour, _ = STYLES[formula]
        hatch = "///" if number and len(x) <= MOST_HATCHED else ""
        axes.bar(x, change, width, color=colour, label=formula, hatch=hatch, ec="white")
        if len(x) <= MOST_VALUES:
            _write_values(axes, x, change)
    axes.axhline(0, color=BASELINE_COLOUR, linewidth=1.2)
    marks, _ = axes.get_legend_handles_labels()
    y = "change of the score in %"
    finish(axes, "Change against the baseline", places.label, y, marks)
    places.label_axis(axes)
    axes.set_xlim(places.x.min() - gap * 0.7, places.x.max() + gap * 0.7)
    axes.margins(y=0.15)


def _write_values(axes: Axes, x: NDArray, values: NDArray) -> None:
    for place, value in zip(x, values):
        if np.isfinite(value):
            axes.annotate(
                f"{value:+.1f}",
                (place, value),
                xytext=(0, 3 if value >= 0 else -12),
                textcoords="offset points",
                ha="center",
                fontsize=TEXT["note"],
            )
