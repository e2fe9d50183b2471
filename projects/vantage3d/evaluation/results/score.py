"""The comprehensive score, with and without its clip, and the best checkpoint.

Reference: 0.30 delta1 + 0.20 (1 - min(AbsRel, 1)) + 0.20 normals within 30 degrees
+ 0.15 points near the plane + 0.15 photometric inliers, all on buildings.

A baseline whose AbsRel is above 1 gets 0 for the second term, however bad it is, and
any model below 1 is credited with up to 0.2. ``NO_CLIP`` has 0.20 / (1 + AbsRel) there:
the same value and slope at AbsRel = 0, falling smoothly for every error.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.results.run import Model, Run

REFERENCE = "reference formula"
NO_CLIP = "without clip"
FORMULAS = (REFERENCE, NO_CLIP)
ERROR = "AbsRel"  # label of the component that the formulas disagree about
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
    Component(ERROR, ABS_REL, 0.20),
    Component("normals within 30°", "normals.building.inlier_30", 0.20),
    Component("planarity", "planarity.building.inlier_ratio", 0.15),
    Component("photometric", "photometric.building.inlier_ratio", 0.15),
)
SCORE_METRICS = tuple(component.metric for component in COMPONENTS)
# What checkpoints are ranked by where there is no score.
SUBSTITUTES = ("depth.building.delta1", "depth.full.delta1")


class Scoring(NamedTuple):
    """The components that a run has.

    Attributes:
        components: Those of the score; where some are missing, the weights of the
            others are scaled to sum to 1.
        missing: Components that were left out.
    """

    components: tuple[Component, ...] = COMPONENTS
    missing: tuple[Component, ...] = ()

    @property
    def name(self) -> str:
        """For titles."""
        if not self.missing:
            return "comprehensive score"
        return f"partial score (no {', no '.join(c.label for c in self.missing)})"

    @property
    def metrics(self) -> tuple[str, ...]:
        return tuple(component.metric for component in self.components)


COMPLETE = Scoring()


def scoring(run: Run) -> Scoring | None:
    """What the models of a run can be scored by.

    A component is left out if the baseline lacks it, or every checkpoint does. A
    checkpoint that lacks another one has no score.

    Returns:
        None without AbsRel or delta1 of buildings: then there is no score.
    """
    missing = tuple(c for c in COMPONENTS if not _measured(run, c.metric))
    if {component.metric for component in missing} & set(SCORE_METRICS[:2]):
        return None
    left = [component for component in COMPONENTS if component not in missing]
    whole = sum(component.weight for component in left)
    if missing:
        left = [c._replace(weight=c.weight / whole) for c in left]
    return Scoring(tuple(left), missing)


def _measured(run: Run, metric: str) -> bool:
    known = [math.isfinite(model.mean(metric)) for model in run.checkpoints]
    if run.baseline is not None and not math.isfinite(run.baseline.mean(metric)):
        return False
    return any(known) or not known


def term(component: Component, value: Value, formula: str) -> Value:
    """Weighted contribution of a metric to the score."""
    if component.metric != ABS_REL:
        return component.weight * value
    if formula == NO_CLIP:
        return component.weight / (1 + value)
    return component.weight * (1 - np.minimum(value, CLIP))


def terms(model: Model, formula: str, by: Scoring) -> dict[str, float]:
    """Terms of the score by label; NaN where the metric is missing."""
    return {
        component.label: float(term(component, model.mean(component.metric), formula))
        for component in by.components
    }


def score(model: Model, formula: str, by: Scoring = COMPLETE) -> float:
    """The score, 0 to 1; NaN if a component is missing."""
    return sum(terms(model, formula, by).values())


def gains(model: Model, baseline: Model, formula: str, by: Scoring) -> dict[str, float]:
    """What each component adds to the baseline's score; they sum to the whole gain."""
    after, before = (terms(m, formula, by) for m in (model, baseline))
    return {name: after[name] - before[name] for name in after}


class Choice(NamedTuple):
    """The best checkpoint and the rule that chose it."""

    model: Model
    rule: str


def rank(run: Run) -> tuple[list[Model], str]:
    """Checkpoints that can be ranked, the best first, and by what they are ranked.

    By the score without clip; where there is none, by delta1. Merged models repeat
    their checkpoint and take part only where there is nothing else.
    """
    models = [m for m in run.checkpoints if not m.merged] or list(run.checkpoints)
    by = scoring(run)
    rules: dict[str, Callable[[Model], float]] = {}
    if by is not None:
        rules[f"{by.name}, {NO_CLIP}"] = lambda model: score(model, NO_CLIP, by)
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


def subject(run: Run) -> Model:
    """The best checkpoint; the baseline where it stands alone."""
    choice = best(run)
    return choice.model if choice else run.models[0]


def pair(run: Run) -> list[Model]:
    """The baseline, if there is one, and the best checkpoint, if there is one."""
    models = (run.baseline, subject(run))
    return [m for i, m in enumerate(models) if m is not None and m not in models[:i]]
