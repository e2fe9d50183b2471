"""Two results side by side, unit by unit, where their inputs agree."""

import math
from collections.abc import Iterator
from pathlib import Path

from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.results.folder import Rows, cell
from vantage3d.io.run_facts import RUN
from vantage3d.referee.intervals import basis, intervals
from vantage3d.referee.result import Result, read_result
from vantage3d.referee.task import MODEL
from vantage3d.referee.tasks import task_under

PRECISION = "precision"


def compare(first: Path, second: Path) -> tuple[Rows, list[str]]:
    """A row per headline figure with both models and their difference, and notes.

    Raises:
        ValueError: If the two were judged by different protocols, on different truth or
            units, or ran in different precision.
    """
    a, b = read_result(first), read_result(second)
    check_comparable(a, b)
    task = task_under(a.rules())
    over = intervals(task, b.arrays[MODEL], b.clusters, a.arrays[MODEL])
    body = []
    for key in a.headline:
        values = a.figures[MODEL][key], b.figures[MODEL][key]
        low, high = over.ends[key]
        same = " same" if low <= 0 <= high else ""
        text = "no interval" if math.isnan(low) else f"[{low:+.4f}, {high:+.4f}]{same}"
        change = f"{values[1] - values[0]:+.4f} {text}"
        body.append([find(key).title, *map(cell, values), change])
    notes = [
        f"{a.task} by {a.protocol}, version {a.protocol_version}: "
        f"{a.counted()} of {a.truth.path}",
        f"A is {a.predictions.path}, B is {b.predictions.path}; B - A of the same "
        f"units, {basis(over.clusters)}",
        *_doubts(a, b),
    ]
    notes += [
        f"{name}: the model is {f}" for name, r in zip("AB", (a, b)) for f in r.flags
    ]
    return Rows(["", "A", "B", "B - A"], body), notes


def _doubts(a: Result, b: Result) -> Iterator[str]:
    """What a difference could come from, beside the models."""
    said = a.run.get(PRECISION), b.run.get(PRECISION)
    if None in said and said != (None, None):
        silent = "AB"[said.index(None)]
        yield (
            f"{silent} does not say in which precision it ran, the other in "
            f"{said[0] or said[1]}: a {RUN} beside predictions says it"
        )
    for key in a.figures[MODEL]:
        shares = a.figures[MODEL][key], b.figures[MODEL][key]
        if key.endswith(".coverage") and shares[0] != shares[1]:
            yield (
                f"A predicts {shares[0]:.1%} of what is judged and B {shares[1]:.1%}"
            )


def check_comparable(a: Result, b: Result) -> None:
    """Refuse two results whose difference could come from how they were judged.

    Raises:
        ValueError: Naming what differs.
    """
    if a.protocol_hash != b.protocol_hash or a.task != b.task:
        raise ValueError(
            f"A was judged by {_protocol(a)} and B by {_protocol(b)}{_choices(a, b)}. "
            "Their figures mean different things; judge one again by the other's "
            "--protocol"
        )
    if a.truth.sha256 != b.truth.sha256 or a.units != b.units:
        alone = sorted(set(a.units) ^ set(b.units))
        shown = ", ".join(alone[:5]) or "none"
        raise ValueError(
            f"A was judged on {len(a.units)} units of {a.truth.path} and B on "
            f"{len(b.units)} of {b.truth.path}: {len(alone)} units are of one alone "
            f"({shown}), files of the truth "
            f"{'are the same' if a.truth.sha256 == b.truth.sha256 else 'differ'}. "
            "Judge both on the same, by --only"
        )
    said = a.run.get(PRECISION), b.run.get(PRECISION)
    if None not in said and said[0] != said[1]:
        raise ValueError(
            f"A ran in {said[0]} and B in {said[1]}: a difference could come from that "
            "alone. Predict one of them again in the other's precision"
        )


def _protocol(one: Result) -> str:
    return f"{one.protocol}, version {one.protocol_version} ({one.protocol_hash[:12]})"


def _choices(a: Result, b: Result) -> str:
    names = sorted({*a.choices, *b.choices})
    differ = [
        f"`{name}` is {a.choices.get(name)!r} and {b.choices.get(name)!r}"
        for name in names
        if a.choices.get(name) != b.choices.get(name)
    ]
    return f": {'; '.join(differ)}" if differ and a.task == b.task else ""
