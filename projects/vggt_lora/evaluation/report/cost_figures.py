"""Figure 09: quality against cost, with the Pareto front."""

from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from projects.vggt_lora.evaluation.report.labels import label
from projects.vggt_lora.evaluation.report.pareto import pareto_front
from projects.vggt_lora.evaluation.report.run import BASELINE, Model, Run
from projects.vggt_lora.evaluation.report.style import (
    BASELINE_COLOUR,
    COLOURS,
    TEXT,
    CannotDrawError,
    finish,
    legend_below,
    new_figure,
    panels,
)

QUALITIES = (
    "depth.building.abs_rel",
    "depth.building.delta1",
    "planarity.building.inlier_ratio",
)
LATENCIES = ("performance.latency_p50_ms", "performance.latency_sec")
MEMORIES = ("performance.vram_mb", "performance.ram_mb")
COLUMNS = (*QUALITIES, LATENCIES[0], MEMORIES[0])
NAMED = 6  # members of the front that get their name


class Kind(NamedTuple):
    """How a kind of model is drawn."""

    name: str
    marker: str
    colour: str


KINDS = (
    Kind(BASELINE, "D", BASELINE_COLOUR),
    Kind("merged weights", "s", COLOURS[2]),
    Kind("checkpoint with adapters", "o", COLOURS[0]),
)


def kind(model: Model) -> Kind:
    """Baseline, merged, or with adapters."""
    if model.name == BASELINE:
        return KINDS[0]
    return KINDS[1] if model.merged else KINDS[2]


def cost_metrics(run: Run) -> list[str]:
    """Latency and memory, as measured: of the GPU, else of the process."""
    return [
        metric
        for choices in (LATENCIES, MEMORIES)
        for metric in [next((m for m in choices if _measured(run, m)), "")]
        if metric
    ]


def _measured(run: Run, metric: str) -> bool:
    values = [model.mean(metric) for model in run.models]
    return any(np.isfinite(value) and value > 0 for value in values)


def pareto(run: Run) -> Figure:
    """09: each quality against latency and memory."""
    costs = cost_metrics(run)
    qualities = [metric for metric in QUALITIES if run.has(metric)]
    if not costs or not qualities:
        raise CannotDrawError("needs a quality and a latency or memory")
    figure = new_figure(len(qualities), len(costs))
    shown = panels(figure, len(qualities) * len(costs), len(costs))
    for number, axes in enumerate(shown):
        quality, cost = qualities[number // len(costs)], costs[number % len(costs)]
        draw_front(axes, run, cost, quality)
    marks = [
        Line2D([], [], linestyle="", marker=k.marker, color=k.colour, label=k.name)
        for k in KINDS
        if any(kind(model) == k for model in run.models)
    ]
    front = {"color": COLOURS[1], "drawstyle": "steps-post", "linewidth": 2}
    marks.append(Line2D([], [], label="Pareto front", **front))
    legend_below(figure, marks)
    return figure


def front_members(run: Run, cost: str, quality: str) -> NDArray[np.bool_]:
    """(N,) models of the front, in the order of ``run.models``."""
    costs = np.array([model.mean(cost) for model in run.models])
    values = np.array([model.mean(quality) for model in run.models])
    better = values if label(quality).higher_is_better else -values
    return pareto_front(costs, better)


def draw_front(axes: Axes, run: Run, cost: str, quality: str) -> None:
    """Points of all models and the front as steps."""
    front = front_members(run, cost, quality)
    xy = np.array([(model.mean(cost), model.mean(quality)) for model in run.models])
    for model, (x, y) in zip(run.models, xy):
        look = kind(model)
        alpha = 1.0 if len(run.models) < 20 else 0.65
        axes.plot(x, y, look.marker, color=look.colour, markersize=7, alpha=alpha)
    members = np.flatnonzero(front)
    members = members[np.argsort(xy[members, 0])]
    axes.plot(*xy[members].T, color=COLOURS[1], drawstyle="steps-post", linewidth=2)
    axes.plot(*xy[members].T, "o", markersize=12, mfc="none", color=COLOURS[1])
    for index in members[-NAMED:]:
        axes.annotate(
            run.models[index].name.replace("checkpoint_", ""),
            xy[index],
            xytext=(8, 5),
            textcoords="offset points",
            fontsize=TEXT["note"],
        )
    axes.margins(0.12)
    finish(axes, "", label(cost).axis, label(quality).axis)
