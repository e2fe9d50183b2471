"""Trivial rows: what predictors that know nothing get on the same windows.

``tools/evaluate_depth.py`` measures them as models of their own, named ``trivial_...``.
A model that one of them beats is flagged, in the table, the report and the selection.
The skill is a score in which none of them can do well, whatever the windows are like.
"""

import math
from collections.abc import Sequence

from vantage3d.evaluation.metrics_table import HEADLINE, find, long_name
from vantage3d.evaluation.results.run import Model, Run

PERFECT = 1e-6  # from the best possible value: no model can beat such a row
# Metric of buildings, its share, and what a perfect model has: a number or a metric.
SKILL: dict[str, tuple[float, float | str]] = {
    "depth.building.delta1": (0.30, 1.0),
    "depth.building.abs_rel": (0.20, 0.0),
    "normals.building.inlier_30": (0.20, 1.0),
    "photometric_gt_pose.building.inlier_ratio": (
        0.15,
        "photometric_truth.building.inlier_ratio",
    ),
}
LEAST = 0.01  # between the best trivial row and perfection, that can be measured


def beaten_by(run: Run, model: Model, metric: str) -> str:
    """The trivial row that beats a model most; empty if none does.

    A row that is perfect, as one plane is perfectly planar, says nothing of a model.
    """
    higher = find(metric).higher_is_better
    value, row = model.mean(metric), best_trivial(run, metric)
    if higher is None or row is None or not math.isfinite(value):
        return ""
    trivial = row.mean(metric)
    if abs(trivial - (1.0 if higher else 0.0)) < PERFECT:
        return ""
    return row.name if (trivial > value) == higher and trivial != value else ""


def best_trivial(run: Run, metric: str) -> Model | None:
    """The trivial row with the best value of a metric."""
    known = [row for row in run.trivial if math.isfinite(row.mean(metric))]
    pick = max if find(metric).higher_is_better else min
    return pick(known, key=lambda row: row.mean(metric), default=None)


def flags(run: Run, metrics: Sequence[str] = HEADLINE) -> dict[str, str]:
    """Of every model below a trivial row, in which metrics and below which."""
    found = {}
    for model in run.models:
        beaten: dict[str, list[str]] = {}
        for metric in dict.fromkeys(run.on_judged_pixels(m) for m in metrics):
            if name := beaten_by(run, model, metric):
                beaten.setdefault(name, []).append(long_name(metric))
        texts = [f"{row} in {', '.join(names)}" for row, names in beaten.items()]
        if texts:
            found[model.name] = f"{model.name} is below {'; below '.join(texts)}"
    return found


def skill(run: Run, model: Model) -> float:
    """How much of the way from the best trivial row to perfection, at most 1.

    Of delta1, AbsRel, normals within 30 degrees and photometric inliers with the true
    cameras, which are compared with those of the true depth; weights as in the
    comprehensive score. Planes are left out: one distance everywhere is perfectly
    planar. What leaves nothing to gain above a trivial row takes no part.

    Returns:
        0 or less for every trivial row, 1 for the truth; NaN without trivial rows or
        where the model lacks a metric.
    """
    total = weights = 0.0
    for key, (weight, perfect) in SKILL.items():
        metric = run.on_judged_pixels(key)
        row = best_trivial(run, metric)
        if row is None:
            continue
        if isinstance(perfect, str):
            perfect = row.mean(run.on_judged_pixels(perfect))
        way = perfect - row.mean(metric)
        if not abs(way) >= LEAST:
            continue
        total += weight * (model.mean(metric) - row.mean(metric)) / way
        weights += weight
    return total / weights if weights else math.nan
