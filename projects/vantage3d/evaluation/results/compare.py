"""Two result folders side by side: each against its own baseline, and one another.

A gain is the difference of the means; its interval is paired and over drives, scenes or
sequences, so that what is hard or easy for both cancels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vantage3d.evaluation.metrics_table import HEADLINE, long_name
from vantage3d.evaluation.results.folder import Rows, cell
from vantage3d.evaluation.results.run import BASELINE, Model, Run, read_run
from vantage3d.evaluation.results.score import best, paired_interval
from vantage3d.evaluation.results.trivial import flags

LEGEND = (
    "[low, high]: paired 95 % interval; 12c/66f: over 12 independent clusters (drives, "
    "scenes) of 66 distinct frames; few: below 10 clusters, Student's t, and none of a "
    "single one; same: it holds zero"
)
# Entries of metadata.json: what two runs must have in common to be compared at all.
SETTINGS = (
    "align",
    "per",
    "building_classes",
    "min_pixels",
    "min_building",
    "thresholds",
    "point_threshold_m",
    "seq_len",
    "data",
    "precision",
)
DATA = ("index_hash", "split", "windows_hash")


@dataclass(frozen=True)
class Side:
    """One of the two: head of its columns, its base, the model and why this one."""

    title: str
    baseline: Model | None
    model: Model
    rule: str


@dataclass(frozen=True)
class RunComparison:
    """One row per metric, notes, and whether the two were compared with each other."""

    table: Rows
    notes: tuple[str, ...]
    absolute: bool


def compare_runs(
    folders: tuple[Path, Path],
    names: Sequence[str] | None = None,
    metrics: Sequence[str] = HEADLINE,
    relative: bool = False,
) -> RunComparison:
    """Compare two result folders.

    Args:
        folders: The two.
        names: Which model of each; the best one if not given.
        metrics: Rows of the table, those that both have.
        relative: Allow different windows: each run is then compared with its own
            baseline only.

    Raises:
        ValueError: If the two were measured differently, on different windows without
            ``relative``, or share no metric; if a model is missing.
        FileNotFoundError: If a folder holds no evaluation.
    """
    first, second = (read_run(folder) for folder in folders)
    check_settings(first, second)
    problem = different_windows(first, second)
    if problem and not relative:
        raise ValueError(problem)
    for run in (first, second) if problem else ():
        if run.baseline is None:
            raise ValueError(
                f"{run.folder} has no {BASELINE!r} to compare with, and other windows. "
                "Evaluate it again without --no-base, or on the windows of the other"
            )
    chosen = names or (None, None)
    sides = _side(first, chosen[0], "A"), _side(second, chosen[1], "B")
    shared = [name for name in metrics if first.has(name) and second.has(name)]
    if not shared:
        raise ValueError(
            f"{first.folder} and {second.folder} share none of the metrics "
            f"{', '.join(metrics)}. Name others with --metrics"
        )
    table = _table(sides, shared, absolute=not problem)
    notes = [
        f"{s.title} is {s.model.name} of {f} ({s.rule})" for s, f in zip(sides, folders)
    ]
    if problem:
        notes.append("different windows: absolute numbers must not be compared")
    for side, run in zip(sides, (first, second)):
        if flag := flags(run, shared).get(side.model.name):
            notes.append(f"{side.title}: {flag}")
    notes.append(LEGEND)
    return RunComparison(table, tuple(notes), not problem)


def check_settings(first: Run, second: Run) -> None:
    """Refuse two runs that were measured differently.

    Raises:
        ValueError: Naming every setting that differs.
    """
    different = [
        f"`{name}` is {first.metadata.get(name)!r} in {first.folder} and "
        f"{second.metadata.get(name)!r} in {second.folder}"
        for name in SETTINGS
        if first.metadata.get(name) != second.metadata.get(name)
    ]
    if different or not first.metadata or not second.metadata:
        raise ValueError(
            f"the two were measured differently: "
            f"{'; '.join(different) or 'one has no metadata.json'}. Numbers of "
            "different alignments or rules cannot be compared, not even with their own "
            "baselines; evaluate one of them again with the options of the other"
        )


def different_windows(first: Run, second: Run) -> str:
    """Why absolute numbers of two runs cannot be compared; empty if they can."""
    if all(first.metadata.get(k) == second.metadata.get(k) for k in DATA):
        return ""
    parts = [
        f"{run.folder}: {run.metadata.get('windows')} windows of split "
        f"{run.metadata.get('split')!r} of {run.metadata.get('data_root')} (index "
        f"{str(run.metadata.get('index_hash'))[:12]}, windows "
        f"{str(run.metadata.get('windows_hash'))[:12]})"
        for run in (first, second)
    ]
    return (
        f"the two were evaluated on different windows: {'; '.join(parts)}. A "
        "difference could come from the windows alone. Evaluate one again with "
        f"--windows {first.folder / 'windows.json'}, or compare each with its own "
        "baseline only: --relative"
    )


def _side(run: Run, name: str | None, title: str) -> Side:
    if name is None:
        choice = best(run)
        if choice is None:
            raise ValueError(
                f"{run.folder} has {BASELINE!r} only: there is nothing to compare"
            )
        return Side(title, run.baseline, choice.model, f"best by {choice.rule}")
    found = [model for model in run.models if model.name == name]
    if not found:
        raise ValueError(
            f"{run.folder} has no model {name!r}; there are "
            f"{', '.join(model.name for model in run.models)}"
        )
    return Side(title, run.baseline, found[0], "as asked for")


def _table(sides: tuple[Side, Side], metrics: Sequence[str], absolute: bool) -> Rows:
    header = ["metric"]
    for side in sides:
        base = [] if side.baseline is None else [f"{side.title} base"]
        gain = [] if side.baseline is None else [f"{side.title} gain"]
        header += [*base, f"{side.title} model", *gain]
    if absolute:
        header.append("B - A")
    body = []
    for metric in metrics:
        row = [long_name(metric)]
        for side in sides:
            if side.baseline is None:
                row.append(cell(side.model.mean(metric)))
                continue
            values = side.baseline.mean(metric), side.model.mean(metric)
            row += map(cell, values)
            row.append(difference(side.model, side.baseline, metric))
        if absolute:
            row.append(difference(sides[1].model, sides[0].model, metric))
        body.append(row)
    return Rows(header, body)


def difference(model: Model, other: Model, metric: str) -> str:
    """``+0.0123 [+0.0040, +0.0201] 12c/66f``: model minus other; see :data:`LEGEND`."""
    value = model.mean(metric) - other.mean(metric)
    if not math.isfinite(value):
        return ""
    ends = paired_interval(model, other, metric)
    text = f"{value:+.4f}"
    if ends is None:
        return text
    words = [f"{ends.clusters}c/{ends.frames}f"]
    if ends.clusters > 1:
        words = [f"[{ends.low:+.4f}, {ends.high:+.4f}]", *words]
    words += ["few"] * ends.few + ["same"] * ends.holds_zero
    return f"{text} {' '.join(words)}"
