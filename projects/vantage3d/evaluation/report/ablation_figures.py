"""Figures 10 and 11: what the alignment and the photometric threshold decide."""

import math
import re

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.report.curves import band, stats
from vantage3d.evaluation.report.style import (
    BASELINE_COLOUR,
    BEST_COLOUR,
    COLOURS,
    CannotDrawError,
    finish,
    legend_below,
    mark,
    new_figure,
    note,
    panels,
)
from vantage3d.evaluation.results.run import Model, Run
from vantage3d.evaluation.results.score import subject

ALIGNMENTS = ("none", "scale", "median", "log_median", "scale_shift", "robust")
ABLATIONS = tuple(
    f"{region}.{metric}"
    for region in ("building", "full")
    for metric in ("abs_rel", "delta1")
)
ABLATION_COLUMNS = tuple(f"ablation.{a}.{end}" for end in ABLATIONS for a in ALIGNMENTS)
INLIER_AT = "photometric.building.inlier_at."
INLIERS = "photometric.building.inlier_ratio"
# The true depth seen through the true cameras: what the images allow.
TRUTH_AT = "photometric_truth.building.inlier_at."
CURVE_COLUMNS = (f"{INLIER_AT}*", f"{TRUTH_AT}*", INLIERS)


def contrasted(run: Run) -> list[tuple[Model, str, str]]:
    """The baseline, the last and the best checkpoint, with colours and markers."""
    chosen = subject(run)
    last = [m for m in run.checkpoints if not m.merged][-1:]
    models = [(m, COLOURS[0], "s") for m in last if m != chosen]
    models.append((chosen, BEST_COLOUR, "o"))
    if run.baseline is not None and run.baseline != chosen:
        models.insert(0, (run.baseline, BASELINE_COLOUR, "D"))
    return models


def alignment_ablation(run: Run) -> Figure:
    """10: the same predictions under every alignment."""
    models = contrasted(run)
    ends = [e for e in ABLATIONS if _alignments(run, e)]
    if not ends:
        raise CannotDrawError("needs columns `ablation.<alignment>...`")
    figure = new_figure(-(-len(ends) // 2), 2)
    for axes, end in zip(panels(figure, len(ends)), ends):
        _draw_alignments(axes, models, end, _alignments(run, end))
    used = run.metadata.get("align")
    for axes in figure.axes:
        for tick in axes.get_xticklabels():
            tick.set_fontweight("bold" if tick.get_text() == used else "normal")
    legend_below(figure, _marks(models))
    return figure


def _alignments(run: Run, end: str) -> list[str]:
    return [name for name in ALIGNMENTS if run.has(f"ablation.{name}.{end}")]


def _draw_alignments(axes: Axes, models: list, end: str, names: list[str]) -> None:
    for number, (model, colour, marker) in enumerate(models):
        x = np.arange(len(names)) + 0.18 * (number - (len(models) - 1) / 2)
        rows = [stats([model], f"ablation.{name}.{end}")[0] for name in names]
        values = np.array(rows)
        axes.vlines(x, values[:, 1], values[:, 2], color=colour, linewidth=2)
        axes.plot(x, values[:, 0], marker, color=colour, markersize=7)
    region = end.partition(".")[0]
    title = "Buildings" if region == "building" else "All pixels"
    finish(axes, title, "alignment", find(f"ablation.none.{end}").axis)
    axes.set_xticks(range(len(names)), names)
    axes.tick_params(axis="x", labelrotation=25)
    axes.set_ylim(bottom=0)


def photometric_curve(run: Run) -> Figure:
    """11: share of inliers over the threshold."""
    models = contrasted(run)
    thresholds = photometric_thresholds(run)
    if len(thresholds) < 2:
        name = run.here(INLIER_AT)
        raise CannotDrawError(f"needs two columns `{name}<threshold>.mean`")
    figure = new_figure(1, 1, height=4.6)
    axes = figure.add_subplot()
    x = np.array(list(thresholds.values()))
    for model, colour, marker in models:
        values = np.array([stats([model], metric)[0] for metric in thresholds])
        band(axes, x, values, colour)
        axes.plot(x, values[:, 0], color=colour, marker=marker)
    marks = [*_marks(models), *_draw_bound(axes, models[0][0], thresholds)]
    used = used_threshold(run, thresholds)
    if used is not None:
        axes.axvline(used, color="black", linestyle=":", linewidth=1.4)
        look = {"xycoords": ("data", "axes fraction")}
        note(axes, f"threshold of the score: {used:g}", (used, 0.02), (6, 0), **look)
    y = f"share of pixels, {run.where} (higher is better)"
    finish(axes, "", "threshold on the mean RGB difference, images in 0 to 1", y)
    axes.set_ylim(0, 1)
    axes.set_xlim(left=0)
    axes.set_xticks(x, [f"{threshold:g}" for threshold in x])
    legend_below(figure, marks)
    return figure


def _draw_bound(axes: Axes, model: Model, thresholds: dict[str, float]) -> list[Line2D]:
    """What the truth itself reaches, if it was measured."""
    metrics = [
        metric.replace("photometric.", "photometric_truth.") for metric in thresholds
    ]
    values = [model.mean(metric) for metric in metrics]
    if not np.isfinite(values).all():
        return []
    look = {"color": COLOURS[2], "linestyle": "-.", "linewidth": 2}
    name = "true depth and cameras"
    return axes.plot(list(thresholds.values()), values, label=name, **look)


def photometric_thresholds(run: Run) -> dict[str, float]:
    """Threshold of each column of the curve, ascending."""
    found = {}
    for metric in run.metrics:
        text = metric.removeprefix(run.here(INLIER_AT))
        if text != metric and re.fullmatch(r"\d+(\.\d+)?", text):
            found[metric] = float(text)
    return dict(sorted(found.items(), key=lambda item: item[1]))


def used_threshold(run: Run, thresholds: dict[str, float]) -> float | None:
    """The threshold at which the curve of every model gives its inlier ratio."""
    for metric, threshold in thresholds.items():
        pairs = [
            (model.mean(metric), model.mean(run.here(INLIERS))) for model in run.models
        ]
        known = [pair for pair in pairs if all(map(math.isfinite, pair))]
        if known and all(math.isclose(*pair, rel_tol=1e-6) for pair in known):
            return threshold
    return None


def _marks(models: list) -> list[Line2D]:
    return [mark(model.name, colour, marker) for model, colour, marker in models]
