"""A result folder, read and checked: models, their metrics, where these came from."""

import csv
import io
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.intervals import Interval
from vantage3d.io.checksums import unseal
from vantage3d.io.sidecars import read_hashed

BASELINE, MERGED, TRIVIAL = "baseline", "merged", "trivial_"  # begin names of models
METADATA, METRICS, OVERALL = "metadata.json", "metrics.json", "metrics_overall.csv"
WINDOWS_CSV, FRAMES_CSV = "windows.csv", "frames.csv"
NAME = "checkpoint"  # the column of model names
ENDINGS = {
    ".mean": "mean", ".ci_low": "low", ".ci_high": "high",
    ".ci_clusters": "clusters", ".ci_frames": "frames",
}  # fmt: skip
KIND = 3  # parts of a name that columns of a kind share
AGAIN = "Evaluate again"
TOLERANCE = 1e-3  # relative, between the CSV and a model's JSON


@dataclass(frozen=True)
class Stat:
    """A metric of one model: its mean, and as an ``Interval`` what it may as well be.

    What is counted (``count.*``) has its sum as mean, and no interval.
    """

    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    clusters: float = 0
    frames: float = 0

    @property
    def interval(self) -> Interval:
        return Interval(self.low, self.high, int(self.clusters), int(self.frames))


@dataclass(frozen=True)
class Model:
    """One evaluated model.

    Attributes:
        name: As in the CSV: ``baseline``, ``checkpoint_<N>``, ``merged_<...>``.
        stats: By metric, without the ending ``.mean``.
        folder: Its files; may be absent.
    """

    name: str
    stats: Mapping[str, Stat]
    folder: Path

    @property
    def merged(self) -> bool:
        return self.name.startswith(MERGED)

    @property
    def trivial(self) -> bool:
        return self.name.startswith(TRIVIAL)

    @property
    def step(self) -> int | None:
        """The last number of the name."""
        numbers = re.findall(r"\d+", self.name)
        return int(numbers[-1]) if numbers else None

    def mean(self, metric: str) -> float:
        """NaN where it was not measured."""
        return self.stats.get(metric, Stat()).mean


@dataclass(frozen=True)
class Run:
    """All models of a result folder.

    Attributes:
        models: The baseline first, then in natural order of the names.
        trivial: Rows of predictors that know nothing.
        metadata: Of ``metadata.json``; empty if there is none.
        notes: What is missing, one sentence each, for the reader of the report.
    """

    folder: Path
    models: tuple[Model, ...]
    metadata: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    trivial: tuple[Model, ...] = ()

    @property
    def baseline(self) -> Model | None:
        return next((m for m in self.models if m.name == BASELINE), None)

    @property
    def checkpoints(self) -> tuple[Model, ...]:
        """Everything but the baseline."""
        return tuple(m for m in self.models if m.name != BASELINE)

    @property
    def metrics(self) -> list[str]:
        """Sorted metrics that at least one model has."""
        names = {name for model in self.models for name in model.stats}
        return sorted(name for name in names if self.has(name))

    @cached_property
    def of_buildings(self) -> bool:
        """Whether buildings were measured; a dataset without labels has none."""
        return self.has("depth.building.abs_rel")

    @property
    def judged_on(self) -> str:
        """Pixels that geometry is judged on, for titles."""
        return "buildings" if self.of_buildings else "all pixels"

    def on_judged_pixels(self, metric: str) -> str:
        """A metric of buildings, or of all pixels in a run without buildings."""
        if self.of_buildings:
            return metric
        return metric.replace(".building.", ".full.")

    def has(self, metric: str) -> bool:
        """Whether any model has a finite mean of ``metric``."""
        return any(math.isfinite(model.mean(metric)) for model in self.models)


def natural_order(name: str) -> tuple:
    """Sorting key: the baseline, checkpoints by number, merged ones, trivial rows."""
    parts = re.split(r"(\d+)", name)
    return (
        name != BASELINE,
        name.startswith(TRIVIAL),
        name.startswith(MERGED),
        [(int(p) if p.isdigit() else 0, p) for p in parts],
    )


def read_run(folder: Path) -> Run:
    """Read ``metrics_overall.csv``, ``metadata.json`` and every ``metrics.json``.

    Raises:
        FileNotFoundError: If the folder is absent, empty or of another kind.
        ValueError: If the CSV is damaged, holds no depth metric, or disagrees with the
            JSON of a model.
    """
    table = folder / OVERALL
    if not table.is_file():
        content = sorted(path.name for path in folder.glob("*"))[:8]
        found = f"holds {content}" if content else "is empty"
        raise FileNotFoundError(
            f"{folder} {found if folder.is_dir() else 'is no folder'}. Expected "
            f"{OVERALL}, written by tools/evaluate_depth.py; evaluate first."
        )
    rows = read_overall(table)
    notes, models = [], []
    for name, stats in sorted(rows.items(), key=lambda row: natural_order(row[0])):
        files = folder / "models" / name
        if (files / METRICS).is_file():
            stats = _joined(stats, files / METRICS, table)
        else:
            notes.append(
                f"models/{name}/{METRICS} is missing: {name} has only what "
                f"{OVERALL} says."
            )
        models.append(Model(name, stats, files))
    known = (folder / METADATA).is_file()
    metadata = read_json(folder / METADATA) if known else {}
    if not known:
        notes.append(f"{METADATA} is missing: how models were evaluated is unknown.")
    trivial = tuple(m for m in models if m.trivial)
    models = [m for m in models if not m.trivial]
    run = Run(folder, tuple(models), metadata, tuple(notes), trivial)
    if not any(run.has(f"depth.{part}.abs_rel") for part in ("full", "building")):
        raise ValueError(
            f"{table}: expected numbers in `depth.full.abs_rel.mean` or "
            f"`depth.building.abs_rel.mean`, got columns with numbers: "
            f"{run.metrics or 'none'}. Evaluate again with the depth metrics."
        )
    return replace(run, notes=(*notes, *_gaps(run)))


def read_overall(path: Path) -> dict[str, dict[str, Stat]]:
    """Statistics by model and metric of the CSV of all models."""
    header, *cells = _read_cells(path)
    rows = [dict(zip(header, row)) for row in cells]
    if NAME not in header or not rows:
        raise ValueError(
            f"{path}: expected a column `{NAME}` and a row per model, got the columns "
            f"{header[:5]} and {len(rows)} rows. Evaluate again."
        )
    found: dict[str, dict[str, Stat]] = {}
    for row in rows:
        name, parts = row.pop(NAME), {}
        if name in found:
            raise ValueError(f"{path}: two rows are named {name!r}. Keep one.")
        for column, text in row.items():
            ending = next((e for e in ENDINGS if column.endswith(e)), "")
            value = number(text, f"{path}, column {column!r} of {name!r}")
            values = parts.setdefault(column.removesuffix(ending), {})
            values[ENDINGS.get(ending, "mean")] = value
        found[name] = {metric: Stat(**values) for metric, values in parts.items()}
    return found


def number(text: str | None, where: str) -> float:
    """The number in a cell; NaN of an empty one.

    Raises:
        ValueError: If it is no number.
    """
    try:
        return float(text) if text else math.nan
    except ValueError:
        raise ValueError(f"{where}: expected a number, got {text!r}.") from None


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        ValueError: If it is not one, or damaged.
    """
    content = unseal(path.read_bytes(), str(path), AGAIN)
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected an object, got {type(content).__name__}.")
    return content


def _joined(row: Mapping[str, Stat], path: Path, table: Path) -> dict[str, Stat]:
    """Statistics of a model's JSON, and of the CSV what the JSON lacks."""
    stats = dict(row)
    for metric, values in sorted(read_json(path).items()):
        mean = values.get("sum", values.get("mean"))
        ends = (values.get(f"ci_{part}") for part in ("low", "high"))
        basis = (values.get(f"ci_{part}", 0) for part in ("clusters", "frames"))
        known = (math.nan if v is None else float(v) for v in (mean, *ends))
        stats[metric] = Stat(*known, *basis)
        a, b = row.get(metric, Stat()).mean, stats[metric].mean
        if math.isfinite(a) and not math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-6):
            raise ValueError(
                f"{table} says {metric} = {a:g} for {path.parent.name!r}, its "
                f"metrics.json says {b:g}: they come from different evaluations. "
                "Evaluate again."
            )
    return stats


def _gaps(run: Run) -> Iterable[str]:
    if run.baseline is None:
        yield (
            f"no row is named {BASELINE!r}: differences, reference lines and "
            "contributions are left out."
        )
    if not run.checkpoints:
        yield f"only {BASELINE!r} was evaluated: there is nothing to compare it with."
    if not run.of_buildings:
        yield (
            "buildings were not measured: geometry is that of all pixels, and there is "
            "no comprehensive score."
        )
    # Columns that are empty, for all models or for some, those of a kind together.
    empty: dict[tuple[str, str], list[str]] = {}
    for metric in sorted({name for model in run.models for name in model.stats}):
        names = [m.name for m in run.models if not math.isfinite(m.mean(metric))]
        who = ", ".join(names) if len(names) < len(run.models) else "any model"
        if names:
            kind = ".".join(metric.split(".")[:-1][:KIND])
            empty.setdefault((kind, who), []).append(metric)
    for (kind, who), columns in empty.items():
        if len(columns) > 1:
            yield f"{len(columns)} columns {kind}.* hold no number for {who}."
        else:
            yield f"column {columns[0]}.mean holds no number for {who}."


@dataclass(frozen=True)
class Table:
    """Columns of a CSV: (N,) texts and (N,) numbers, NaN where a cell is empty."""

    texts: dict[str, list[str]]
    numbers: dict[str, NDArray[np.float64]]

    def __len__(self) -> int:
        return len(next(iter(self.texts.values())))


def read_windows(model: Model, metrics: Sequence[str]) -> Table | None:
    """A row per window: ``id``, ``sequence``, ``bucket``, ``frames``, and metrics."""
    texts = ("id", "sequence", "bucket", "frames")
    return _read(model.folder / WINDOWS_CSV, texts, metrics)


def read_frames(model: Model, metrics: Sequence[str]) -> Table | None:
    """A row per frame: ``window``, ``sequence``, ``frame`` and the metrics it has."""
    texts = ("window", "sequence", "frame")
    return _read(model.folder / FRAMES_CSV, texts, metrics)


def check_same_windows(run: Run) -> None:
    """All models must have been evaluated on the same windows.

    Raises:
        ValueError: With the first two models that were not.
    """
    first: tuple[str, set[str]] | None = None
    for model in (*run.models, *run.trivial):
        table = read_windows(model, ())
        if table is None:
            continue
        ids = set(table.texts["id"])
        first = first or (model.name, ids)
        if ids != first[1]:
            raise ValueError(
                f"{run.folder}: {first[0]!r} was evaluated on {len(first[1])} windows "
                f"and {model.name!r} on {len(ids)}, {len(ids & first[1])} of them the "
                "same. They cannot be compared; evaluate both on one windows.json."
            )


def _read_cells(path: Path) -> list[list[str]]:
    """Rows of a CSV that matches the hash beside it, the header first."""
    text = read_hashed(path, str(path), AGAIN).decode("utf-8")
    return [row for row in csv.reader(io.StringIO(text, newline="")) if row] or [[]]


def _read(path: Path, texts: Sequence[str], metrics: Sequence[str]) -> Table | None:
    """None if there is no such file or it has no row."""
    if not path.is_file():
        return None
    header, *rows = _read_cells(path)
    missing = [name for name in texts if name not in header]
    if missing:
        raise ValueError(
            f"{path}: expected the columns {list(texts)}, got {header[:6]}: "
            f"{missing} missing. Evaluate again."
        )
    if not rows:
        return None
    columns = dict(zip(header, zip(*rows)))
    numbers = {
        name: np.array([number(cell, f"{path}, column {name!r}") for cell in cells])
        for name, cells in columns.items()
        if name in metrics
    }
    return Table({name: list(columns[name]) for name in texts}, numbers)
