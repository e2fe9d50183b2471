"""The comprehensive score, with and without its clip, and the best checkpoint.

Reference: 0.30 delta1 + 0.20 (1 - min(AbsRel, 1)) + 0.20 normals within 30 degrees
+ 0.15 points near the plane + 0.15 photometric inliers, all on buildings.

A baseline whose AbsRel is above 1 gets 0 for the second term, however bad it is, and
any model below 1 is credited with up to 0.2. ``NO_CLIP`` has 0.20 / (1 + AbsRel) there:
the same value and slope at AbsRel = 0, falling smoothly for every error.
"""

import math
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from projects.vggt_lora.evaluation.report.run import Model, Run

REFERENCE = "reference formula"
NO_CLIP = "without clip"
FORMULAS = (REFERENCE, NO_CLIP)
ABS_REL = "depth.building.abs_rel"
CLIP = 1.0
Value = TypeVar("Value", float, NDArray[np.float64])


class Component(NamedTuple):
    """One term of the score."""

    label: str
    metric: str
    weight: float


COMPONENTS = (
    Component("delta1", "depth.building.delta1", 0.30),
    Component("AbsRel", ABS_REL, 0.20),
    Component("normals within 30°", "normals.building.inlier_30", 0.20),
    Component("planarity", "planarity.building.inlier_ratio", 0.15),
    Component("photometric", "photometric.building.inlier_ratio", 0.15),
)
SCORE_METRICS = tuple(component.metric for component in COMPONENTS)
# What checkpoints are ranked by where a component of the score is missing.
SUBSTITUTES = ("depth.building.delta1", "depth.full.delta1")


def term(component: Component, value: Value, formula: str) -> Value:
    """Weighted contribution of a metric to the score."""
    if component.metric != ABS_REL:
        return component.weight * value
    if formula == NO_CLIP:
        return component.weight / (1 + value)
    return component.weight * (1 - np.minimum(value, CLIP))


def terms(model: Model, formula: str) -> dict[str, float]:
    """Terms of the score by label; NaN where the metric is missing."""
    return {
        component.label: float(term(component, model.mean(component.metric), formula))
        for component in COMPONENTS
    }


def score(model: Model, formula: str) -> float:
    """The score, 0 to 1; NaN if a component is missing."""
    return sum(terms(model, formula).values())


def gains(model: Model, baseline: Model, formula: str) -> dict[str, float]:
    """What each component adds to the baseline's score; they sum to the whole gain."""
    before = terms(baseline, formula)
    return {name: value - before[name] for name, value in terms(model, formula).items()}


class Choice(NamedTuple):
    """The best checkpoint and the rule that chose it."""

    model: Model
    rule: str


def rank(run: Run) -> tuple[list[Model], str]:
    """Checkpoints that can be ranked, the best first, and by what they are ranked.

    By the score without clip; where no checkpoint has one, by delta1. Merged models
    repeat their checkpoint and take part only where there is nothing else.
    """
    models = [m for m in run.checkpoints if not m.merged] or list(run.checkpoints)
    rules = {f"score {NO_CLIP}": lambda model: score(model, NO_CLIP)}
    for metric in SUBSTITUTES:
        rules[metric] = lambda model, metric=metric: model.mean(metric)
    for rule, value in rules.items():
        known = [model for model in models if math.isfinite(value(model))]
        if known:
            return sorted(known, key=value, reverse=True), rule
    return models, "order of the names"


def best(run: Run) -> Choice | None:
    """The best checkpoint; None if only the baseline was evaluated."""
    models, rule = rank(run)
    return Choice(models[0], rule) if models else None
