"""Figures 05 to 08: the score, what moved it, the best on fixed axes, steadiness."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.report.plotting import (
    BASELINE_COLOUR,
    BEST_COLOUR,
    COLOURS,
    DASHED,
    MARKERS,
    TEXT,
    CannotDrawError,
    Positions,
    finish,
    legend_below,
    mark,
    new_figure,
    note,
    panels,
    positions,
)
from vantage3d.evaluation.results.run import Model, Run
from vantage3d.evaluation.results.score import (
    DELTA1,
    FORMULAS,
    NO_CLIP,
    REFERENCE,
    SCORE_METRICS,
    TOTAL,
    Scoring,
    gain_intervals,
    gains,
    pair,
    score,
    scoring,
    subject,
)

# Every axis has a fixed scale of 0 to 1, so that no axis depends on the other models.
AUC = "pose.auc_30"
_NAMES = "delta1", "1 / (1 + AbsRel)", "normals\nwithin 30°", "planarity", "photometric"
RADAR = dict(zip(_NAMES, SCORE_METRICS)) | {f"pose {find(AUC).label}": AUC}
LEAST_AXES = 3
MOST_VALUES = 8  # bars that get their value written on
MOST_HATCHED = 16
STYLES = {REFERENCE: (COLOURS[0], "o"), NO_CLIP: (COLOURS[1], "s")}
STEADY_METRIC = DELTA1
WINDOW = 5  # checkpoints
STEADY = 5.0  # percent
LEAST = 3  # checkpoints
AROUND = 5  # checkpoints before and after the best that the zoom shows
Values = NDArray[np.float64]


def comprehensive_score(run: Run) -> Figure:
    """07: both scores over checkpoints, and their change against the baseline."""
    places = positions(run)
    by = scoring(run)
    if by is None:
        raise CannotDrawError("needs AbsRel and delta1 of buildings")
    scores = {f: np.array([score(m, f, by) for m in places.line]) for f in FORMULAS}
    with_bars = run.baseline not in (None, *places.line)
    figure, shown = panels(1 + with_bars, columns=1)
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
            axes.axhline(reference, color=colour, linestyle=DASHED)
    marks = [mark(formula, *style) for formula, style in STYLES.items()]
    marks.append(mark("baseline", "#888888", dash=DASHED))
    marks.append(mark("best", "#888888", "*", "", markersize=13))
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
            for place, value in zip(x, change):
                if np.isfinite(value):
                    offset = 0, 3 if value >= 0 else -12
                    note(axes, f"{value:+.1f}", (place, value), offset, ha="center")
    axes.axhline(0, color=BASELINE_COLOUR, linewidth=1.2)
    marks, _ = axes.get_legend_handles_labels()
    y = "change of the score in %"
    finish(axes, "Change against the baseline", places.label, y, marks)
    places.label_axis(axes)
    axes.set_xlim(places.x.min() - gap * 0.7, places.x.max() + gap * 0.7)
    axes.margins(y=0.15)


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
    figure, shown = panels(1 + several, 1, height=8.4 if several else 4.4)
    _draw_gain_bars(shown[0], model, baseline, by)
    if several:
        _draw_gain_curves(shown[1], baseline, places, by)
    return figure


def _draw_gain_bars(axes: Axes, model: Model, baseline: Model, by: Scoring) -> None:
    names = [component.label for component in by.components] + [TOTAL]
    rows = np.arange(len(names))
    for number, formula in enumerate(FORMULAS):
        gain = gains(model, baseline, formula, by)
        gain[TOTAL] = sum(gain.values())
        values = np.array([gain[name] for name in names])
        y = rows + (number - 0.5) * 0.36
        colour, _ = STYLES[formula]
        hatch = "" if number == 0 else "///"
        look = {"color": colour, "hatch": hatch, "ec": "white"}
        axes.barh(y, values, 0.36, label=formula, **look)
        intervals = gain_intervals(model, baseline, formula, by)
        ends = np.stack([values, values])
        if intervals and intervals[TOTAL].clusters > 1:
            ends = np.array([intervals[name][:2] for name in names]).T
            axes.hlines(y, *ends, color="black", linewidth=1.6)
        for place, value, low, high in zip(y, values, *ends):
            right = value >= 0
            end = max(high, value) if right else min(low, value)
            look = {"ha": "left" if right else "right", "va": "center"}
            offset = 5 if right else -5, 0
            note(axes, f"{value:+.4f}", (end, place), offset, **look)
    axes.axvline(0, color=BASELINE_COLOUR, linewidth=1.2)
    axes.set_yticks(rows, names)
    axes.invert_yaxis()
    axes.margins(x=0.16)
    marks, _ = axes.get_legend_handles_labels()
    if intervals:
        text = f"paired 95 % interval, {intervals[TOTAL].basis}"
        marks.append(mark(text, "black"))
    title = f"Gain of {model.name} over the baseline, {by.name}"
    finish(axes, title, "gain of the score (weight included)", "", marks)
    axes.grid(visible=False, axis="y")


def _draw_gain_curves(
    axes: Axes, baseline: Model, places: Positions, by: Scoring
) -> None:
    rows = [gains(model, baseline, NO_CLIP, by) for model in places.line]
    for number, component in enumerate(by.components):
        values = [row[component.label] for row in rows]
        look = {"color": COLOURS[number], "marker": MARKERS[number], "markersize": 5}
        axes.plot(places.x, values, label=component.label, **look)
    axes.axhline(0, color=BASELINE_COLOUR, linestyle=DASHED, label="baseline")
    marks, _ = axes.get_legend_handles_labels()
    title = "Gain of every checkpoint by component, score without clip"
    finish(axes, title, places.label, "gain of the score", marks)
    places.label_axis(axes)


def radar(run: Run) -> Figure:
    """05: the baseline and the best checkpoint on six fixed axes."""
    models = pair(run)
    wanted = {name: run.on_judged_pixels(metric) for name, metric in RADAR.items()}
    axes_of = {
        name: metric
        for name, metric in wanted.items()
        if all(np.isfinite(model.mean(metric)) for model in models)
    }
    if len(axes_of) < LEAST_AXES:
        raise CannotDrawError(f"needs {LEAST_AXES} of its columns, has {len(axes_of)}")
    figure = new_figure(6.2)
    axes = figure.add_subplot(projection="polar")
    angles = np.linspace(0, 2 * np.pi, len(axes_of), endpoint=False)
    looks = ((BASELINE_COLOUR, "--"), (BEST_COLOUR, "-"))[-len(models) :]
    for model, (colour, dash) in zip(models, looks):
        means = {metric: model.mean(metric) for metric in axes_of.values()}
        values = [1 / (1 + v) if "abs_rel" in m else v for m, v in means.items()]
        closed = np.append(values, values[0])
        around = np.append(angles, angles[0])
        axes.plot(around, closed, dash, color=colour, marker="o", label=model.name)
        axes.fill(around, closed, color=colour, alpha=0.08)
    axes.set_theta_offset(np.pi / 2)
    axes.set_xticks(angles, list(axes_of), fontsize=TEXT["label"])
    axes.tick_params(axis="x", pad=8)
    for text, angle in zip(axes.get_xticklabels(), angles):
        sideways = -np.sin(angle)  # the first axis points up, the next to the left
        text.set_ha("center" if abs(sideways) < 0.1 else
                    "left" if sideways > 0 else "right")  # fmt: skip
    axes.set_ylim(0, 1)
    axes.set_yticks([0.2, 0.4, 0.6, 0.8, 1.0])
    axes.tick_params(axis="y", labelsize=TEXT["note"])
    axes.set_rlabel_position(90 / len(axes_of))
    legend_below(figure, axes.get_lines())
    return figure


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
    metric = run.on_judged_pixels(STEADY_METRIC)
    steady = np.array([model.mean(metric) for model in places.line])
    with_variation = bool(np.isfinite(steady).any())
    zoomed = len(places.line) > 2 * AROUND + 1
    figure = new_figure(7.4 if with_variation else 4.0)
    grid = figure.add_gridspec(1 + with_variation, 1 + zoomed)
    top = figure.add_subplot(grid[0, 0])
    _draw_curves(top, run, places, curves)
    if zoomed:
        axes = figure.add_subplot(grid[0, 1])
        _draw_curves(axes, run, places, curves)
        _zoom(axes, run, places, curves)
    if with_variation:
        axes = figure.add_subplot(grid[1, :])
        _draw_variation(axes, places, steady, run.judged_on)
    legend_below(figure, top.get_lines(), columns=3)
    return figure


def _curves(run: Run, places: Positions) -> dict[str, Values]:
    curves = {}
    for metric in SCORE_METRICS:
        name = run.on_judged_pixels(metric)
        values = np.array([model.mean(name) for model in places.line])
        first = values[np.isfinite(values)][:1]
        start = run.baseline.mean(name) if run.baseline else first.sum()
        if first.size and np.isfinite(start) and start != 0:
            better = bool(find(metric).higher_is_better)
            curves[metric] = improvement(values, float(start), better)
    return curves


def _draw_curves(axes: Axes, run: Run, places: Positions, curves: dict) -> None:
    for metric, values in curves.items():
        number = SCORE_METRICS.index(metric)
        look = {"color": COLOURS[number], "marker": MARKERS[number], "markersize": 4}
        axes.plot(places.x, values, label=find(metric).label, **look)
    start = "baseline" if run.baseline else "first checkpoint"
    look = {"color": BASELINE_COLOUR, "linestyle": DASHED}
    axes.axhline(0, label=start, **look)
    finish(
        axes, f"Metrics of {run.judged_on}", places.label, f"better than {start}, in %"
    )
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
