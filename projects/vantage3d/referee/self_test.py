"""Whether a protocol tells right from wrong, tried on a made-up world.

The best answer is written in each format that the task reads, read back and judged: it
must score perfectly through the format's own encoding. Broken answers must be refused,
or told from it by a headline figure, and may be above the best trivial row in none.
"""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

from vantage3d.evaluation.metrics_table import find
from vantage3d.referee.evaluate import Options, evaluate
from vantage3d.referee.task import MODEL, Figures, Reader, Task, better

EXACT = 1e-9  # how far from perfect what a format loses may be


class Verdict(NamedTuple):
    """One thing that was tried."""

    what: str
    passed: bool
    says: str


def self_test(task: Task) -> Iterator[Verdict]:
    """Try everything that the task's protocol has to tell."""
    truths = task.made_up()
    perfect = {name: task.perfect(truth) for name, truth in truths.items()}
    with TemporaryDirectory() as name:
        root = Path(name)
        true, *others = [
            _written(kind(task.rules), root / "truth" / kind.name, truths)
            for kind in task.truth_readers
        ]
        best: Figures = {}
        for kind in task.readers:
            folder = _written(kind(task.rules), root / kind.name, perfect)
            for truth in [true] if best else [true, *others]:
                figures = evaluate(task, folder, truth).figures[MODEL]
                best = best or figures
                yield _perfect(
                    task, f"perfect as {kind.name}, truth {truth.stem}", figures
                )
        for what, change in task.broken().items():
            reader = task.readers[0](task.rules)
            folder = _written(reader, root / what, change(truths))
            yield _told(task, what, folder, true, reader.name, best)


def _written(reader: Reader, folder: Path, units: Mapping[str, Any]) -> Path:
    for name, unit in units.items():
        reader.write(folder, name, unit)
    return folder / reader.entry


def _perfect(task: Task, what: str, figures: Figures) -> Verdict:
    """Perfect is 1 where higher is better, and 0 where lower is."""
    wrong = {
        key: value
        for key in task.headline
        if not math.isclose(
            value := figures[key],
            float(bool(find(key).higher_is_better)),
            abs_tol=EXACT,
        )
    }
    return Verdict(what, not wrong, f"not perfect: {wrong}" if wrong else "perfect")


def _told(
    task: Task, what: str, folder: Path, truth: Path, form: str, best: Figures
) -> Verdict:
    """Whether a broken answer is refused, or worse than the best in some figure."""
    try:
        found = evaluate(task, folder, truth, Options(format=form))
    except (ValueError, FileNotFoundError) as error:
        return Verdict(what, True, f"refused: {str(error).splitlines()[0]}")
    figures = found.figures
    told = [key for key in task.headline if better(key, best[key], figures[MODEL][key])]
    trivial = [row for answer, row in figures.items() if answer != MODEL]
    above = [
        key
        for key in task.headline
        if not any(_reaches(key, row[key], figures[MODEL][key]) for row in trivial)
    ]
    values = ", ".join(
        f"{find(key).label} {figures[MODEL][key]:.3f}" for key in task.headline
    )
    if not told:
        return Verdict(what, False, f"as good as perfect: {values}")
    if above:
        return Verdict(what, False, f"above every trivial row in {above}: {values}")
    return Verdict(what, True, values)


def _reaches(key: str, trivial: float, value: float) -> bool:
    return abs(value - trivial) <= EXACT or not better(key, value, trivial)
