"""The comprehensive score with and without its clip, gains, and the best checkpoint.

The components and their weights are those of the table of metrics, all on buildings:
0.30 delta1 + 0.20 (1 - min(AbsRel, 1)) + 0.20 normals within 30 degrees + 0.15 points
near the plane + 0.15 photometric inliers.

A baseline whose AbsRel is above 1 gets 0 for the second term, however bad it is, and
any model below 1 is credited with up to 0.2. ``NO_CLIP`` has 0.20 / (1 + AbsRel) there:
the same value and slope at AbsRel = 0, falling smoothly for every error.

Intervals of a gain are paired: both models saw the same windows, so what is hard for
both cancels in the difference. They are over drives, scenes or sequences, see
:mod:`vantage3d.evaluation.intervals`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.intervals import (
    Interval,
    cluster_interval,
    cluster_of,
    weighted_means,
)
from vantage3d.evaluation.metrics_table import HEADLINE, SCORE, find
from vantage3d.evaluation.results.run import (
    Model,
    Run,
    Table,
    read_frames,
    read_run,
    read_windows,
)
from vantage3d.evaluation.results.trivial import flags, skill

REFERENCE, NO_CLIP = FORMULAS = ("reference formula", "without clip")
ERROR = "AbsRel"  # label of the component that the formulas disagree about
ABS_REL, DELTA1 = "depth.building.abs_rel", "depth.building.delta1"
CLIP = 1.0
TOTAL = "total"
# What checkpoints are ranked by where there is no score.
SUBSTITUTES = (DELTA1, "depth.full.delta1")
Array = NDArray[np.float64]
Value = TypeVar("Value", float, Array)
SCORES = {"score": REFERENCE, "score_no_clip": NO_CLIP}
SKILL = "skill"
LIMITS = {
    "--max-latency": "performance.latency_p95_ms",
    "--max-vram": "performance.vram_mb",
    "--max-ram": "performance.ram_mb",
}


class Component(NamedTuple):
    """One term of the score."""

    label: str
    metric: str
    weight: float


_LABELS = ("delta1", ERROR, "normals within 30°", "planarity", "photometric")
COMPONENTS = tuple(
    Component(label, metric, weight)
    for label, (metric, weight) in zip(_LABELS, SCORE.items())
)
SCORE_METRICS = tuple(SCORE)


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
        """Name of the score in titles, with what it is made without."""
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
    if {component.metric for component in missing} & {ABS_REL, DELTA1}:
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


def gain_intervals(
    model: Model, baseline: Model, formula: str, by: Scoring
) -> dict[str, Interval] | None:
    """95 % interval of the gain of each component, and of their sum as ``total``.

    Returns:
        None if a model has no tables, or a table that lacks a component.
    """

    def gain(after: Array, before: Array) -> Array:
        parts = [
            term(c, after[:, i], formula) - term(c, before[:, i], formula)
            for i, c in enumerate(by.components)
        ]
        return np.column_stack([*parts, sum(parts)])

    found = _paired(model, baseline, by.metrics, gain)
    if found is None:
        return None
    names = [*(component.label for component in by.components), TOTAL]
    return dict(zip(names, found))


def paired_interval(model: Model, other: Model, metric: str) -> Interval | None:
    """95 % interval of a difference of two models of the same windows, or None."""
    found = _paired(model, other, (metric,), lambda own, others: own - others)
    return None if found is None else found[0]


def _paired(
    model: Model,
    other: Model,
    metrics: tuple[str, ...],
    statistic: Callable[[Array, Array], Array],
) -> list[Interval] | None:
    """Intervals of what ``statistic`` makes of the (R, M) means of two models."""
    tables = [cluster_sums(m, metrics) for m in (model, other)]
    known = [table for table in tables if table is not None]
    if len(known) < len(tables):
        return None
    names = sorted({name for table in known for name in table.names})
    sums = [table.of(names) for table in known]

    def values(weights: Array) -> Array:
        return statistic(*(weighted_means(*pair, weights) for pair in sums))

    frames = min(table.frames for table in known)
    ends = zip(*cluster_interval(values, len(names)))
    return [Interval(float(a), float(b), len(names), frames) for a, b in ends]


class ClusterSums(NamedTuple):
    """Sums of M metrics of a model over C clusters.

    Attributes:
        names: Of the clusters that have a value.
        totals: (C, M).
        counts: (C, M) how many values those are, of frames if a metric has these.
        frames: Distinct frames among the windows with a value.
    """

    names: list[str]
    totals: Array
    counts: Array
    frames: int

    def of(self, names: list[str]) -> tuple[Array, Array]:
        """Totals and counts of clusters by name, 0 of one without values."""
        rows = [self.names.index(n) if n in self.names else -1 for n in names]
        padded = (np.pad(a, ((0, 1), (0, 0))) for a in (self.totals, self.counts))
        totals, counts = (array[rows] for array in padded)
        return totals, counts


def cluster_sums(model: Model, metrics: tuple[str, ...]) -> ClusterSums | None:
    """Sums of what the tables of a model have; None if they lack a metric."""
    windows = read_windows(model, metrics)
    if windows is None:
        return None
    frames = read_frames(model, metrics)
    columns = [_column(windows, frames, metric) for metric in metrics]
    known = [column for column in columns if column is not None]
    if len(known) < len(columns):
        return None
    totals, counts = (np.stack(part, 1) for part in zip(*known))
    sequences = windows.texts["sequence"]
    some = counts.any(axis=1)
    owners = [cluster_of(name) for name, has in zip(sequences, some) if has]
    names, rows = np.unique(owners, return_inverse=True)
    member = np.equal.outer(np.arange(len(names)), rows).astype(float)
    distinct = {
        (sequence, frame)
        for sequence, text, has in zip(sequences, windows.texts["frames"], some)
        for frame in text.split()
        if has
    }
    sums = member @ totals[some], member @ counts[some]
    return ClusterSums(names.tolist(), *sums, len(distinct))


def _column(
    windows: Table, frames: Table | None, metric: str
) -> tuple[Array, Array] | None:
    """(W,) sums per window, of frames if the metric has these, and their numbers."""
    ids = windows.texts["id"]
    row_of = {name: row for row, name in enumerate(ids)}
    for table, key in ((frames, "window"), (windows, "id")):
        if table is None or metric not in table.numbers:
            continue
        values = table.numbers[metric]
        rows = np.array([row_of.get(name, -1) for name in table.texts[key]])
        known = np.isfinite(values) & (rows >= 0)
        if known.any():
            rows = rows[known]
            totals = np.bincount(rows, values[known], len(ids)).astype(float)
            return totals, np.bincount(rows, minlength=len(ids)).astype(float)
    return None


class Choice(NamedTuple):
    """The best checkpoint and the rule that chose it."""

    model: Model
    rule: str


def rank(run: Run) -> tuple[list[Model], str]:
    """Checkpoints that can be ranked, the best first, and by what they are ranked.

    By the skill; where nobody measured trivial rows by the score without clip, and
    where there is none, by delta1. Merged models repeat their checkpoint and take part
    only where there is nothing else.
    """
    models = [m for m in run.checkpoints if not m.merged] or list(run.checkpoints)
    by = scoring(run)
    rules: dict[str, Callable[[Model], float]] = {SKILL: partial(skill, run)}
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


@dataclass(frozen=True)
class Selection:
    """The selected model, with the value that selected it.

    ``path`` is empty for the base; ``refused`` says by name why others could not be
    selected, ``ranking`` has the values of those that could, the best first, and
    ``flags`` says of models which trivial rows beat them.
    """

    name: str
    path: str
    value: float
    refused: Mapping[str, str]
    ranking: tuple[tuple[str, float], ...]
    flags: Mapping[str, str] = field(default_factory=dict)


def select_checkpoint(
    folder: Path, by: str, limits: Mapping[str, float] | None = None
) -> Selection:
    """The best model of a result folder.

    Merged models repeat their checkpoint and take no part; the baseline does.

    Args:
        folder: Of ``tools/evaluate_depth.py``.
        by: A metric, ``skill``, ``score`` (the reference formula) or
            ``score_no_clip``.
        limits: Largest values by option (:data:`LIMITS`).

    Raises:
        ValueError: If no model has the metric, a limit is on something that was not
            measured, or no model is within the limits.
        FileNotFoundError: If the folder holds no evaluation.
    """
    run = read_run(folder)
    value, higher = _order(run, by)
    models = [model for model in run.models if not model.merged]
    refused = {
        model.name: _refusal(model, value, by, limits or {}, run) for model in models
    }
    left = [model for model in models if not refused[model.name]]
    if not left:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in refused.items())
        raise ValueError(
            f"no model of {folder} is within the limits: {reasons}. Allow more"
        )
    left.sort(key=value, reverse=higher)
    about = run.metadata.get("models", {}).get(left[0].name, {})
    return Selection(
        left[0].name,
        about.get("path", ""),
        value(left[0]),
        {name: reason for name, reason in refused.items() if reason},
        tuple((model.name, value(model)) for model in left[1:]),
        flags(run, HEADLINE if by in (*SCORES, SKILL) else (by,)),
    )


def _order(run: Run, by: str) -> tuple[Callable[[Model], float], bool]:
    """What models are compared by, and whether more is better."""

    def value(model: Model) -> float:
        if by == SKILL:
            return skill(run, model)
        return score(model, SCORES[by]) if by in SCORES else model.mean(by)

    if not any(math.isfinite(value(model)) for model in run.models):
        measured = ", ".join(run.metrics[:8])
        raise ValueError(
            f"--by {by}: no model of {run.folder} has it. Expected "
            f"{SKILL}, {', '.join(SCORES)} or a metric such as {measured}"
        )
    higher = find(by).higher_is_better
    if higher is None:
        raise ValueError(
            f"--by {by}: more of it is neither better nor worse. Expected a metric "
            f"with a direction, such as {HEADLINE[0]}"
        )
    return value, higher


def _refusal(
    model: Model,
    value: Callable[[Model], float],
    by: str,
    limits: Mapping[str, float],
    run: Run,
) -> str:
    """Why a model cannot be selected; empty if it can."""
    if not math.isfinite(value(model)):
        return f"{by} was not measurable"
    for option, most in limits.items():
        metric = LIMITS[option]
        if not run.has(metric):
            raise ValueError(
                f"{option} {most:g}: {metric} was not measured in {run.folder}. "
                "Evaluate on a GPU for its memory, and with --repeats above 0"
            )
        found = model.mean(metric)
        if not found <= most:
            return f"{metric} is {found:.4g}, {option} allows {most:g}"
    return ""
