"""Figures 10, 11, 14, 15: by alignment, photometric threshold, class, scene, bucket."""

import math
import re
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.report.plotting import (
    BASELINE_COLOUR,
    BEST_COLOUR,
    COLOURS,
    CannotDrawError,
    band,
    finish,
    legend_below,
    mark,
    new_figure,
    note,
    panels,
    stats,
)
from vantage3d.evaluation.results.run import Model, Run, Table, read_windows
from vantage3d.evaluation.results.score import ABS_REL, DELTA1, pair, subject

CLASS = "depth.class."
ENDINGS = ("abs_rel", "delta1")
CLASS_COLUMNS = tuple(f"{CLASS}*.{ending}" for ending in ENDINGS)
SCENE_METRICS = (ABS_REL, DELTA1)
ROW = 0.36  # inches
LONGEST = 32  # letters of a name
LOOKS = ((BASELINE_COLOUR, "D"), (BEST_COLOUR, "o"))
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
# A line of a dot plot: its name, and (M, 3) mean and interval of each model.
Row = tuple[str, NDArray[np.float64]]


def per_class(run: Run) -> Figure:
    """14: AbsRel and delta1 of every class, the baseline and the best."""
    models = pair(run)
    names = class_names(run)
    if not names:
        raise CannotDrawError(f"needs columns `{CLASS}<class>.abs_rel.mean`")
    groups = [
        [(name, stats(models, f"{CLASS}{name}.{ending}")) for name in names]
        for ending in ENDINGS
    ]
    last = [[v[0] for v in values if np.isfinite(v[0])][-1:] for _, values in groups[0]]
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
    wanted = [run.on_judged_pixels(metric) for metric in SCENE_METRICS]
    tables = [read_windows(model, wanted) for model in models]
    if any(table is None for table in tables):
        raise CannotDrawError("needs windows.csv of the baseline and of the best")
    kept = [m for m in wanted if all(m in t.numbers for t in tables if t)]
    if not kept:
        raise CannotDrawError(f"needs {', '.join(wanted)} in windows.csv")
    groups = [_scene_rows([t for t in tables if t], metric) for metric in kept]
    return _draw(groups, models, kept, "")


def _scene_rows(tables: Sequence[Table], metric: str) -> list[Row]:
    rows: list[Row] = []
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
            # the beginning is the same for all sequences
            short = name if len(name) <= LONGEST else f"…{name[-LONGEST + 1 :]}"
            rows.append((f"{column} {short}, {windows}", np.array(values)))
    return rows


def _draw(
    groups: Sequence[Sequence[Row]],
    models: Sequence[Model],
    metrics: Sequence[str],
    title: str,
) -> Figure:
    figure = new_figure(1.5 + ROW * len(groups[0]))
    shown = np.atleast_1d(figure.subplots(1, len(groups), sharey=True))
    for axes, rows, metric in zip(shown, groups, metrics):
        places = np.arange(len(rows))
        values = np.stack([values for _, values in rows])  # (rows, models, 3)
        low, high = values[..., 0].min(1), values[..., 0].max(1)
        axes.hlines(places, low, high, color="#bbbbbb", zorder=1)
        for number, (colour, marker) in enumerate(LOOKS[-len(models) :]):
            y = places + 0.14 * (number - (len(models) - 1) / 2)
            mean, low, high = values[:, number].T
            axes.hlines(y, low, high, color=colour, linewidth=2, alpha=0.55)
            axes.plot(mean, y, marker, color=colour, markersize=7)
        axes.set_yticks(places, [name for name, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        finish(axes, "", find(metric).axis, "")
        axes.grid(visible=False, axis="y")
    shown[0].set_ylabel(title, fontsize=11)
    looks = zip(models, LOOKS[-len(models) :])
    legend_below(figure, [mark(model.name, *look, "") for model, look in looks])
    return figure


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
    figure, shown = panels(len(ends))
    for axes, end in zip(shown, ends):
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
        name = run.on_judged_pixels(INLIER_AT)
        raise CannotDrawError(f"needs two columns `{name}<threshold>.mean`")
    figure, (axes,) = panels(1, height=4.6)
    x = np.array(list(thresholds.values()))
    for model, colour, marker in models:
        values = np.array([stats([model], metric)[0] for metric in thresholds])
        band(axes, x, values, colour)
        axes.plot(x, values[:, 0], color=colour, marker=marker)
    marks = _marks(models)
    # What the truth itself reaches, if it was measured.
    truths = [m.replace("photometric.", "photometric_truth.") for m in thresholds]
    bound = [models[0][0].mean(metric) for metric in truths]
    if np.isfinite(bound).all():
        look = {"color": COLOURS[2], "linestyle": "-.", "linewidth": 2}
        marks += axes.plot(x, bound, label="true depth and cameras", **look)
    used = used_threshold(run, thresholds)
    if used is not None:
        axes.axvline(used, color="black", linestyle=":", linewidth=1.4)
        look = {"xycoords": ("data", "axes fraction")}
        note(axes, f"threshold of the score: {used:g}", (used, 0.02), (6, 0), **look)
    y = f"share of pixels, {run.judged_on} (higher is better)"
    finish(axes, "", "threshold on the mean RGB difference, images in 0 to 1", y)
    axes.set_ylim(0, 1)
    axes.set_xlim(left=0)
    axes.set_xticks(x, [f"{threshold:g}" for threshold in x])
    legend_below(figure, marks)
    return figure


def photometric_thresholds(run: Run) -> dict[str, float]:
    """Threshold of each column of the curve, ascending."""
    found = {}
    for metric in run.metrics:
        text = metric.removeprefix(run.on_judged_pixels(INLIER_AT))
        if text != metric and re.fullmatch(r"\d+(\.\d+)?", text):
            found[metric] = float(text)
    return dict(sorted(found.items(), key=lambda item: item[1]))


def used_threshold(run: Run, thresholds: dict[str, float]) -> float | None:
    """The threshold at which the curve of every model gives its inlier ratio."""
    inliers = run.on_judged_pixels(INLIERS)
    for metric, threshold in thresholds.items():
        pairs = [(model.mean(metric), model.mean(inliers)) for model in run.models]
        known = [pair for pair in pairs if all(map(math.isfinite, pair))]
        if known and all(math.isclose(*pair, rel_tol=1e-6) for pair in known):
            return threshold
    return None


def _marks(models: list) -> list[Line2D]:
    return [mark(model.name, colour, marker) for model, colour, marker in models]
