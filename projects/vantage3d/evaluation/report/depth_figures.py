"""Figures 01 to 04 and 12 of depth, geometry and poses; examples, 13 and 16."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vantage3d.evaluation.report.plotting import (
    BASELINE_COLOUR,
    BEST_COLOUR,
    COLOURS,
    DASHED,
    TEXT,
    WIDTH,
    CannotDrawError,
    Panel,
    Positions,
    draw_panels,
    finish,
    mark,
    new_figure,
    panels,
    positions,
    readable_log,
)
from vantage3d.evaluation.results.run import Model, Run, read_frames
from vantage3d.evaluation.results.score import ABS_REL, pair, subject
from vantage3d.evaluation.surface_normals import INLIERS_DEG
from vantage3d.io.arrays import load_arrays

DEPTH_REGIONS = ("building", "full")
BOTH_SIDES = ("building", "non_building")
BINS = 30
AXIS = "AbsRel of a frame"
WHISKERS = (5, 95)  # percentiles
Values = NDArray[np.float64]
FILE = "examples.npz"
KEYS = ("names", "images", "depth_gt", "depth_pred", "normal_error_deg")
WORST_ANGLE = 90.0  # degrees, where the colours end
NOT_MEASURED = "#dddddd"
Arrays = Mapping[str, NDArray[Any]]


def _over_regions(title: str, metric: str, regions: tuple[str, ...]) -> Panel:
    return Panel(title, {f"depth.{r}.{metric}": r.replace("_", "-") for r in regions})


MAIN_DEPTH = (
    _over_regions("Relative error of depth", "abs_rel", DEPTH_REGIONS),
    _over_regions("Share of pixels within 25 %", "delta1", DEPTH_REGIONS),
)
# 02: four errors of buildings and of everything else.
BUILDING_AND_REST = (
    _over_regions("Relative error", "abs_rel", BOTH_SIDES),
    _over_regions("Share of pixels within 25 %", "delta1", BOTH_SIDES),
    _over_regions("Root mean square error", "rmse", BOTH_SIDES),
    _over_regions("Mean absolute error", "mae", BOTH_SIDES),
)
NORMALS, PLANES = "normals.building.", "planarity.building."
GEOMETRY = (
    Panel(
        "Error of normals, {where}",
        {NORMALS + "angular_mean": "mean", NORMALS + "angular_median": "median"},
        "normal error in degrees (lower is better)",
    ),
    Panel(
        "Share with a good normal, {where}",
        {f"{NORMALS}inlier_{n}": f"within {d:g}°" for n, d in INLIERS_DEG.items()},
        "share of pixels (higher is better)",
    ),
    Panel(
        "Deviation from flat, {where}",
        {PLANES + "residual_mean": "mean", PLANES + "residual_median": "median"},
        "distance, share of depth (lower is better)",
    ),
    Panel(
        "Share close to their plane, {where}",
        {PLANES + "inlier_ratio": "share of points"},
        "share of points (higher is better)",
    ),
)
# 04: cameras after Sim(3) alignment.
POSES = (
    Panel("Camera position", {"pose.ate_trans": "ATE"}),
    Panel(
        "Camera rotation",
        {"pose.ate_rot_deg": "ATE of rotation"},
        "ATE in degrees (lower is better)",
    ),
    Panel("Step between frames, translation", {"pose.rpe_trans": "RPE"}),
    Panel(
        "Step between frames, rotation",
        {"pose.rpe_rot_deg": "RPE of rotation"},
        "RPE in degrees (lower is better)",
    ),
    Panel(
        "Pairs of frames within 15°",
        {"pose.rra_15": "rotation", "pose.rta_15": "direction"},
        "share of pairs (higher is better)",
    ),
    Panel(
        "Area under the accuracy curve",
        {f"pose.auc_{t}": f"{t}°" for t in (3, 5, 15, 30)},
        "AUC (higher is better)",
    ),
)


def columns(wanted: tuple[Panel, ...]) -> tuple[str, ...]:
    """Every metric of some panels."""
    return tuple(metric for panel in wanted for metric in panel.lines)


def main_depth(run: Run) -> Figure:
    """01: AbsRel and delta1 of buildings and of everything."""
    return draw_panels(run, MAIN_DEPTH)


def geometry(run: Run) -> Figure:
    """03: normals and planes."""
    shown = []
    for title, lines, axis in GEOMETRY:
        known = {run.on_judged_pixels(metric): name for metric, name in lines.items()}
        shown.append(Panel(title.format(where=run.judged_on), known, axis))
    return draw_panels(run, shown)


def building_errors(run: Run) -> Figure:
    """12: histogram of the baseline and the best, box plots of every model."""
    chosen = subject(run)
    places = positions(run)
    metric = run.on_judged_pixels(ABS_REL)
    errors = {}
    for model in run.models:
        table = read_frames(model, [metric])
        values = table.numbers.get(metric, np.zeros(0)) if table else np.zeros(0)
        errors[model.name] = values[np.isfinite(values)]
    if not errors[chosen.name].size:
        raise CannotDrawError(f"needs `{metric}` in models/{chosen.name}/frames.csv")
    if not any((errors[m.name] > 0).any() for m in pair(run)):
        raise CannotDrawError(f"every `{metric}` is 0: there is no distribution")
    figure, (top, bottom) = panels(2, columns=1, height=7.6)
    shown = {m.name: errors[m.name] for m in pair(run)}
    _draw_histogram(top, shown, chosen.name, f"Histogram, {run.judged_on}")
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
    lines = [mark("median", "black"), mark("mean", "black", dash=":")]
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
        for level, dash in ((25, ":"), (50, DASHED), (75, ":")):
            height = np.percentile(baseline, level)
            axes.axhline(height, color=BASELINE_COLOUR, linestyle=dash, linewidth=1.4)
    axes.set_yscale("log")
    readable_log(axes.yaxis)
    marks = [
        mark("median", COLOURS[1], linewidth=2),
        mark("mean", COLOURS[2], "D", ""),
        mark("baseline: median, quartiles dotted", BASELINE_COLOUR, dash=DASHED),
    ]
    title = "Boxes: quartiles, whiskers: 5 to 95 % of the frames"
    finish(axes, title, places.label, f"{AXIS} (log., lower is better)", marks)
    places.label_axis(axes)
    axes.set_xlim(x.min() - gap * 0.7, x.max() + gap * 0.7)


def read_examples(model: Model) -> Arrays | None:
    """Arrays of the example frames of a model, None if it has none.

    Returns:
        ``names`` (E,); ``images`` (E, H, W, 3) uint8 RGB; ``depth_gt`` and
        ``depth_pred`` (E, H, W) metres, 0 missing; ``normal_error_deg`` (E, H, W), NaN
        where it was not measured.

    Raises:
        ValueError: If an array is missing.
    """
    path = model.folder / FILE
    if not path.is_file():
        return None
    found = load_arrays(path, "examples", "Evaluate again", KEYS)
    return {key: found[key] for key in KEYS}


def normal_errors(run: Run) -> Figure:
    """13: image and normal error, the baseline beside the best."""
    examples = _shown(run)
    maps = {f"normal error, {n}": a["normal_error_deg"] for n, a in examples.items()}
    text = "angle to the true normal in degrees"
    return _draw_maps(examples, maps, Normalize(0, WORST_ANGLE), text)


def depths(run: Run) -> Figure:
    """16: image, true depth and aligned predicted depth."""
    examples = _shown(run)
    true = next(iter(examples.values()))["depth_gt"]
    low, high = np.percentile(true[true > 0], (2, 98))
    maps = {f"depth, {name}": a["depth_pred"] for name, a in examples.items()}
    maps = {"true depth": true, **maps}
    known = {title: np.where(d > 0, d, np.nan) for title, d in maps.items()}
    return _draw_maps(examples, known, LogNorm(low, high), "depth in m")


def _shown(run: Run) -> dict[str, Arrays]:
    """Example frames of the baseline and the best, by name, as far as there are any."""
    found = {model.name: read_examples(model) for model in pair(run)}
    examples = {name: arrays for name, arrays in found.items() if arrays is not None}
    if not examples or not len(next(iter(examples.values()))["images"]):
        raise CannotDrawError(f"needs models/{subject(run).name}/{FILE}")
    return examples


def _draw_maps(
    examples: Mapping[str, Arrays],
    maps: Mapping[str, NDArray],
    colours: Normalize,
    text: str,
) -> Figure:
    """A row per example: its image, then its map (E, H, W) of each title."""
    first, titles = next(iter(examples.values())), ["image", *maps]
    rows, height, width, _ = first["images"].shape
    panel = WIDTH / len(titles) * height / width
    figure = new_figure((panel + 0.34) * rows + 1.0)
    figure.get_layout_engine().set(h_pad=0.02)
    grid = figure.subplots(rows, len(titles), squeeze=False)
    for axes, title in zip(grid[0], titles):
        axes.set_title(title, fontsize=TEXT["label"], loc="left")
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    grey = colormaps["viridis"].with_extremes(bad=NOT_MEASURED)
    for row, (image, *others) in enumerate(grid):
        image.imshow(first["images"][row])
        name = str(first["names"][row])[-34:]
        image.set_xlabel(name, fontsize=TEXT["note"], loc="left")
        for axes, values in zip(others, maps.values()):
            masked = np.ma.masked_invalid(values[row])
            look = {"cmap": grey, "norm": colours, "interpolation": "nearest"}
            drawn = axes.imshow(masked, **look)
    bar = figure.colorbar(
        drawn, ax=list(grid.flat), orientation="horizontal", aspect=50, shrink=0.6,
        extend="both",
    )  # fmt: skip
    bar.set_label(f"{text}; grey: not measurable", fontsize=TEXT["label"])
    bar.ax.tick_params(labelsize=TEXT["tick"])
    if isinstance(colours, LogNorm):
        readable_log(bar.ax.xaxis)
    return figure
