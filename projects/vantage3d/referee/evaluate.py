"""Judging: find units, pair them, measure each, and say by what it was done."""

import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from vantage3d.evaluation.metrics_table import find as find_metric
from vantage3d.io.folders import is_foreign, natural_order
from vantage3d.io.prediction_files import FRAMES
from vantage3d.io.run_facts import read_run
from vantage3d.process.machine import versions
from vantage3d.process.parallel import run_parallel
from vantage3d.referee.intervals import intervals
from vantage3d.referee.result import Result, Source
from vantage3d.referee.task import MODEL, Arrays, Figures, Reader, Task, better

SHOWN = 5  # names in a message


@dataclass(frozen=True)
class Options:
    """How predictions and truth are paired.

    Attributes:
        format: Of predictions; found out by content if not given.
        truth_format: Of truth, likewise.
        units: Those to judge; all of the truth if not given.
        missing_is_empty: Whether a unit without prediction counts as one in which
            nothing was found; else it is refused.
        workers: Processes that measure.
    """

    format: str | None = None
    truth_format: str | None = None
    units: Sequence[str] | None = None
    missing_is_empty: bool = False
    workers: int = 1


class Found(NamedTuple):
    """A source of units: reader, its root, and the file of each."""

    reader: Reader
    root: Path
    paths: dict[str, Path]


def evaluate(
    task: Task,
    predictions: Path,
    truth: Path,
    options: Options = Options(),
    command: str = "",
) -> Result:
    """Judge predictions.

    Args:
        task: What is judged, under which protocol.
        predictions: A folder, or a file of a format that has one for all units.
        truth: Likewise.
        options: Of the pairing.
        command: The line that was called, for the result.

    Raises:
        FileNotFoundError: If there are no units of a known format.
        ValueError: If names do not match, a unit lacks a prediction or is damaged, the
            two do not fit each other, or there is nothing to judge.
    """
    theirs = find(task.readers, task.rules, predictions, options.format, "predictions")
    true = find(task.truth_readers, task.rules, truth, options.truth_format, "truth")
    names, missing = paired(task, theirs, true, options)
    jobs = [_Job(name, theirs.paths.get(name), true.paths[name]) for name in names]
    judge = partial(_judge, task, theirs, true)
    judged = {
        one.name: one
        for one in run_parallel(judge, jobs, options.workers, preload=__name__)
    }
    units = [judged[name] for name in names]
    answers = {
        answer: [unit.answers[answer] for unit in units] for answer in units[0].answers
    }
    figures = {answer: task.figures(arrays) for answer, arrays in answers.items()}
    counts = {task.unit: len(names), "missing": len(missing)}
    counted = task.counts(answers[MODEL])
    if all(math.isnan(figures[MODEL][key]) for key in task.headline):
        said = ", ".join(f"{n} {what}" for what, n in (counts | counted).items())
        raise ValueError(
            f"{true.root} has nothing that {task.protocol.name} judges, no figure has "
            f"a value: {said}. `--protocols --protocol {task.protocol.name}` says what "
            "it asks for"
        )
    clusters = [task.cluster(name) for name in names]
    over = intervals(task, answers[MODEL], clusters)
    return Result(
        task=task.name,
        protocol=task.protocol.name,
        protocol_version=task.protocol.version,
        protocol_hash=task.protocol.hash,
        choices=task.protocol.values,
        versions=versions(),
        predictions=_source(theirs, [unit.prediction for unit in units]),
        truth=_source(true, [unit.truth for unit in units]),
        run=run_facts(theirs),
        command=command,
        counts=counts | {"clusters": over.clusters} | counted,
        missing=missing,
        headline=list(task.headline),
        figures=figures,
        intervals={key: list(ends) for key, ends in over.ends.items()},
        flags=flags(task.headline, figures),
        units=names,
        clusters=clusters,
        arrays=answers,
    )


def find(
    kinds: Sequence[type[Reader]],
    rules: Any,
    root: Path,
    asked: str | None,
    what: str,
) -> Found:
    """The units of a folder or file, by the one reader that knows it.

    Raises:
        FileNotFoundError: If no reader finds any.
        ValueError: If several do, or the one that is asked for is unknown.
    """
    if not root.exists():
        raise FileNotFoundError(f"{what} {root} do not exist: check the path")
    names = [kind.name for kind in kinds]
    if asked is not None and asked not in names:
        raise ValueError(f"the format of {what} must be one of {names}, got {asked!r}")
    readers = [kind(rules) for kind in kinds if asked in (None, kind.name)]
    found = [Found(one, root, paths) for one in readers if (paths := one.find(root))]
    if not found:
        known = "\n".join(f"  {one.name}: {one.says}" for one in readers)
        content = sorted(p.name for p in root.glob("*") if not is_foreign(p))[:SHOWN]
        raise FileNotFoundError(
            f"{root} has no {what} of a known format, it has {content or 'nothing'}. "
            f"Known are\n{known}"
        )
    if len(found) > 1:
        raise ValueError(
            f"{root} has {what} of {len(found)} formats: "
            f"{[one.reader.name for one in found]}. Say which with "
            f"{'--truth-format' if what == 'truth' else '--format'}"
        )
    return found[0]


def paired(
    task: Task, theirs: Found, true: Found, options: Options
) -> tuple[list[str], list[str]]:
    """Names of the units that are judged, and those of them without prediction.

    Raises:
        ValueError: If a unit is missing on either side, and that was not allowed.
    """
    names = sorted(
        true.paths if options.units is None else options.units, key=natural_order
    )
    unknown = [name for name in names if name not in true.paths]
    if unknown or not names:
        raise ValueError(
            f"{len(unknown)} of {len(names)} {task.unit} to judge have no truth in "
            f"{true.root}: {_some(unknown)}. It has {_some(sorted(true.paths))}"
        )
    extra = sorted(set(theirs.paths) - set(true.paths))
    missing = [name for name in names if name not in theirs.paths]
    if strange := _strange(theirs, missing):
        raise ValueError(
            f"{strange[0]} ({len(strange)} in all) is damaged, or no "
            f"{theirs.reader.name} as the others are: {theirs.reader.says}. Predict it "
            "again, or remove it"
        )
    if options.units is None and extra:
        raise ValueError(
            f"{len(extra)} of {len(theirs.paths)} predicted {task.unit} have no truth: "
            f"{_some(extra)}, while the truth has {_some(names)}. Give both one name, "
            "or say with --only which to judge"
        )
    if missing and not options.missing_is_empty:
        raise ValueError(
            f"{len(missing)} of {len(names)} {task.unit} have no prediction: "
            f"{_some(missing)}. Leaving them out would change the figures. Predict "
            "them, count them as nothing found with --missing-is-empty, or say with "
            "--only which to judge"
        )
    return names, missing


def _strange(found: Found, missing: Sequence[str]) -> list[Path]:
    """Files that are called as a missing unit would be, of which no reader knows."""
    if not missing:
        return []
    kinds, wanted = {path.suffix for path in found.paths.values()}, set(missing)
    return sorted(
        path
        for path in found.root.rglob("*")
        if path.suffix in kinds
        and path.relative_to(found.root).with_suffix("").as_posix() in wanted
    )


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:SHOWN])
    return f"{shown}, ..." if len(names) > SHOWN else shown or "none"


class _Job(NamedTuple):
    name: str
    prediction: Path | None
    truth: Path


class _Judged(NamedTuple):
    """A unit: arrays by answer, and name and hash of each file of both sides."""

    name: str
    answers: dict[str, Arrays]
    prediction: list[tuple[str, str]]
    truth: list[tuple[str, str]]


def _judge(task: Task, theirs: Found, true: Found, job: _Job) -> _Judged:
    truth = true.reader.read(job.truth)
    if job.prediction is None:
        pred = task.nothing(truth)
    else:
        pred = theirs.reader.read(job.prediction)
    try:
        answers = task.measure(job.name, pred, truth)
    except ValueError as error:
        where = job.prediction or "nothing predicted"
        raise ValueError(f"{job.name} ({where}, {job.truth}): {error}") from error
    hashes = [
        [] if path is None else _hashes(found, path)
        for found, path in ((theirs, job.prediction), (true, job.truth))
    ]
    return _Judged(job.name, answers, *hashes)


def _hashes(found: Found, path: Path) -> list[tuple[str, str]]:
    base = found.root if found.root.is_dir() else found.root.parent
    hashes = []
    for one in found.reader.files(path):
        with one.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        inside = one.is_relative_to(base)
        hashes.append(
            (one.relative_to(base).as_posix() if inside else one.name, digest)
        )
    return hashes


def _source(found: Found, hashes: Sequence[list[tuple[str, str]]]) -> Source:
    files = sorted({pair for unit in hashes for pair in unit})
    lines = "".join(f"{digest}  {name}\n" for name, digest in files)
    whole = hashlib.sha256(lines.encode()).hexdigest()
    return Source(str(found.root), found.reader.name, len(files), whole)


def run_facts(theirs: Found) -> dict[str, Any]:
    """What a model's folder, and folders of it, say of how it was made.

    Raises:
        ValueError: If a ``run.json`` is no object.
    """
    root = theirs.root if theirs.root.is_dir() else theirs.root.parent
    places = {root.parent} if root.name == FRAMES else set()
    for path in theirs.paths.values():
        places |= {p for p in (path, *path.parents) if p.is_relative_to(root)}
    return read_run(sorted(places | {root}))


def flags(headline: Sequence[str], figures: Mapping[str, Figures]) -> list[str]:
    """Sentences on where the model is no better than an answer that needs none."""
    return list(_flags(headline, figures))


def _flags(headline: Sequence[str], figures: Mapping[str, Figures]) -> Iterator[str]:
    for answer, row in figures.items():
        if answer == MODEL:
            continue
        keys = [
            key for key in headline if not better(key, figures[MODEL][key], row[key])
        ]
        if keys:
            labels = ", ".join(find_metric(key).label for key in keys)
            yield f"no better than {answer!r} in {labels}"
