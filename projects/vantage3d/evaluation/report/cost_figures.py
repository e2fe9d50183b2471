"""Figure 09: quality against cost, with the Pareto front."""

from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from vantage3d.checks import check_shape
from vantage3d.evaluation.metrics_table import find, region
from vantage3d.evaluation.report.plotting import (
    BASELINE_COLOUR,
    COLOURS,
    CannotDrawError,
    finish,
    legend_below,
    mark,
    note,
    panels,
)
from vantage3d.evaluation.results.run import BASELINE, Model, Run

QUALITIES = (
    "depth.building.abs_rel",
    "depth.building.delta1",
    "planarity.building.inlier_ratio",
)
LATENCIES = ("performance.latency_p50_ms", "performance.latency_sec")
MEMORIES = ("performance.vram_mb", "performance.ram_mb")
COLUMNS = (*QUALITIES, LATENCIES[0], MEMORIES[0])
NOISE = 0.05  # share of a cost within which costs count as equal
LEAST_RANGE = 0.25  # of the x axis, as a share of the cost
APART = (0.10, 0.07)  # share of the axes between two names
MERGED, CHECKPOINT = "merged weights", "checkpoint"
LOOKS = {
    BASELINE: (BASELINE_COLOUR, "D"),
    MERGED: (COLOURS[2], "s"),
    CHECKPOINT: (COLOURS[0], "o"),
}


def kind(model: Model) -> str:
    """Which of :data:`LOOKS` a model has."""
    if model.name == BASELINE:
        return BASELINE
    return MERGED if model.merged else CHECKPOINT


def cost_metrics(run: Run) -> list[str]:
    """Latency and memory, as measured: of the GPU, else of the process."""
    found = []
    for choices in (LATENCIES, MEMORIES):
        known = [m for m in choices if any(model.mean(m) > 0 for model in run.models)]
        found += known[:1]
    return found


def pareto(run: Run) -> Figure:
    """09: each quality against latency and memory."""
    costs = cost_metrics(run)
    judged = [run.on_judged_pixels(metric) for metric in QUALITIES]
    qualities = [metric for metric in judged if run.has(metric)]
    if not costs or not qualities:
        raise CannotDrawError("needs a quality and a latency or memory")
    figure, shown = panels(len(qualities) * len(costs), len(costs))
    for axes, (quality, cost) in zip(shown, product(qualities, costs)):
        draw_front(axes, run, cost, quality)
    drawn = {kind(model) for model in run.models}
    marks = [mark(name, *look, "") for name, look in LOOKS.items() if name in drawn]
    marks.append(mark("Pareto front", COLOURS[1], "o", markersize=12, mfc="none"))
    legend_below(figure, marks)
    return figure


def front_members(run: Run, cost: str, quality: str) -> NDArray[np.bool_]:
    """(N,) models of the front, in the order of ``run.models``.

    Costs within 5 % of each other count as equal.
    """
    costs = equal_costs(np.array([model.mean(cost) for model in run.models]), NOISE)
    values = np.array([model.mean(quality) for model in run.models])
    better = values if find(quality).higher_is_better else -values
    return pareto_front(costs, better)


def draw_front(axes: Axes, run: Run, cost: str, quality: str) -> None:
    """Points of all models and the front as steps."""
    front = front_members(run, cost, quality)
    xy = np.array([(model.mean(cost), model.mean(quality)) for model in run.models])
    for model, (x, y) in zip(run.models, xy):
        colour, marker = LOOKS[kind(model)]
        special = kind(model) != CHECKPOINT
        front_or_back = {"zorder": 3} if special else {"alpha": 0.65}
        axes.plot(x, y, marker, color=colour, markersize=7, **front_or_back)
    members = np.flatnonzero(front)
    members = members[np.argsort(xy[members, 0])]
    axes.plot(*xy[members].T, color=COLOURS[1], drawstyle="steps-post", linewidth=2)
    axes.plot(*xy[members].T, "o", markersize=12, mfc="none", color=COLOURS[1])
    axes.margins(0.12)
    # differences within the noise must not fill the axis
    low, high = axes.get_xlim()
    middle, least = (low + high) / 2, LEAST_RANGE * np.nanmean(xy[:, 0])
    if high - low < least:
        axes.set_xlim(middle - least / 2, middle + least / 2)
    up = bool(find(quality).higher_is_better)
    _name(axes, run, xy, members, up)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    where = region(quality)
    axis = find(quality).axis
    finish(axes, "", find(cost).axis, f"{where} {axis}" if where else axis)


def _name(
    axes: Axes, run: Run, xy: NDArray[np.float64], members: NDArray, up: bool
) -> None:
    """Names of the members of the front that have room for one, the best first."""
    best_first = sorted(members, key=lambda i: (run.models[i].merged, -xy[i, 0]))
    size = np.array([np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim())])
    named: list[NDArray[np.float64]] = []
    for index in best_first:
        place = xy[index]
        if any((np.abs(place - other) / size < APART).all() for other in named):
            continue
        named.append(place)
        name = run.models[index].name.replace("checkpoint_", "")
        note(axes, name, place, (10, 7 if up else -15))


def pareto_front(
    costs: NDArray[np.floating], qualities: NDArray[np.floating]
) -> NDArray[np.bool_]:
    """Members of the front: nothing costs less or the same and is better or the same.

    Equal points are all members or none. A point with a NaN is never a member.

    Args:
        costs: (N,) lower is better.
        qualities: (N,) higher is better.

    Returns:
        (N,) bool.

    Raises:
        ValueError: If the lengths differ.
    """
    dims = check_shape("costs", costs, "N")
    check_shape("qualities", qualities, "N", dims=dims)
    front = np.zeros(len(costs), bool)
    known = np.isfinite(costs) & np.isfinite(qualities)
    order = np.lexsort((-qualities, costs))  # cheap first, of equal cost the best first
    reached, reached_cost = -np.inf, np.nan
    for index in order[known[order]]:
        cost, quality = costs[index], qualities[index]
        same = cost == reached_cost and quality == reached
        if quality > reached or same:
            front[index] = True
            reached, reached_cost = quality, cost
    return front


def equal_costs(costs: NDArray[np.floating], tolerance: float) -> NDArray[np.floating]:
    """Costs with those that differ by less than the noise of measuring made equal.

    From the cheapest on, every cost within ``tolerance`` of the first of its group is
    replaced by that first one.

    Args:
        costs: (N,) positive or NaN.
        tolerance: Share of a cost, such as 0.05.

    Returns:
        (N,)
    """
    equal = costs.copy()
    first = np.nan
    for index in np.argsort(costs):
        if not costs[index] <= first * (1 + tolerance):
            first = costs[index]
        equal[index] = first
    return equal
