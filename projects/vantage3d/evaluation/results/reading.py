"""The result folder of ``tools/evaluate_depth.py``, read and checked."""

import csv
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from vantage3d.evaluation.results.run import BASELINE, Model, Run, Stat, natural_order

OVERALL = "metrics_overall.csv"
NAME = "checkpoint"  # the column of model names
ENDINGS = {".mean": "mean", ".ci_low": "low", ".ci_high": "high"}
KIND = 3  # parts of a name that columns of a kind share
TOLERANCE = 1e-3  # relative, between the CSV and a model's JSON


def read_run(folder: Path) -> Run:
    """Read ``metrics_overall.csv``, ``metadata.json`` and every ``metrics.json``.

    Raises:
        FileNotFoundError: If the folder is absent, empty or of another kind.
        ValueError: If the CSV is damaged, holds no depth metric, or disagrees with the
            JSON of a model.
    """
    table = folder / OVERALL
    if not table.is_file():
        raise FileNotFoundError(f"{folder} {_what_is_there(folder)}")
    rows = read_overall(table)
    notes: list[str] = []
    models = []
    for name in sorted(rows, key=natural_order):
        files = folder / "models" / name
        stats = rows[name]
        if (files / "metrics.json").is_file():
            stats = _joined(stats, _read_stats(files / "metrics.json"), name, table)
        else:
            notes.append(
                f"models/{name}/metrics.json is missing: {name} has only what "
                f"{OVERALL} says."
            )
        models.append(Model(name, stats, files))
    run = Run(folder, tuple(models), _read_metadata(folder, notes), tuple(notes))
    if not any(run.has(f"depth.{part}.abs_rel") for part in ("full", "building")):
        raise ValueError(
            f"{table}: expected numbers in `depth.full.abs_rel.mean` or "
            f"`depth.building.abs_rel.mean`, got columns with numbers: "
            f"{run.metrics or 'none'}. Evaluate again with the depth metrics."
        )
    return Run(folder, run.models, run.metadata, (*notes, *_gaps(run)))


def read_overall(path: Path) -> dict[str, dict[str, Stat]]:
    """Statistics by model and metric of the CSV of all models."""
    with open(path, newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    header = list(reader.fieldnames or [])
    if NAME not in header or not rows:
        raise ValueError(
            f"{path}: expected a column `{NAME}` and a row per model, got the columns "
            f"{header[:5]} and {len(rows)} rows. Evaluate again."
        )
    found: dict[str, dict[str, Stat]] = {}
    for row in rows:
        if row[NAME] in found:
            raise ValueError(f"{path}: two rows are named {row[NAME]!r}. Keep one.")
        found[row[NAME]] = _stats_of_row(row, path)
    return found


def _stats_of_row(row: Mapping[str, str], path: Path) -> dict[str, Stat]:
    parts: dict[str, dict[str, float]] = {}
    for column, text in row.items():
        if column == NAME:
            continue
        ending = next((e for e in ENDINGS if column.endswith(e)), "")
        metric = column.removesuffix(ending)
        parts.setdefault(metric, {})[ENDINGS.get(ending, "mean")] = number(
            text, f"{path}, column {column!r} of {row[NAME]!r}"
        )
    return {metric: Stat(**values) for metric, values in parts.items()}


def number(text: str | None, where: str) -> float:
    """The number in a cell; NaN of an empty one.

    Raises:
        ValueError: If it is no number.
    """
    try:
        return float(text) if text else math.nan
    except ValueError:
        raise ValueError(f"{where}: expected a number, got {text!r}.") from None


def _read_stats(path: Path) -> dict[str, Stat]:
    """Means; of what is counted, the sum."""
    found = {}
    for metric, values in read_json(path).items():
        mean = values.get("sum", values.get("mean"))
        ends = (values.get("ci_low"), values.get("ci_high"))
        found[metric] = Stat(*(_known(value) for value in (mean, *ends)))
    return found


def read_json(path: Path) -> dict[str, Any]:
    """The object in a JSON file.

    Raises:
        ValueError: If it is not one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON ({error}). Evaluate again.") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path}: expected an object, got {type(content).__name__}.")
    return content


def _known(value: float | None) -> float:
    return math.nan if value is None else float(value)


def _joined(
    row: Mapping[str, Stat], own: Mapping[str, Stat], name: str, table: Path
) -> dict[str, Stat]:
    """Statistics of the JSON, and of the CSV what the JSON lacks."""
    for metric in sorted(set(row) & set(own)):
        a, b = row[metric].mean, own[metric].mean
        if math.isfinite(a) and not math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-6):
            raise ValueError(
                f"{table} says {metric} = {a:g} for {name!r}, its metrics.json says "
                f"{b:g}: they come from different evaluations. Evaluate again."
            )
    return {**row, **own}


def _read_metadata(folder: Path, notes: list[str]) -> dict[str, Any]:
    if (folder / "metadata.json").is_file():
        return read_json(folder / "metadata.json")
    notes.append("metadata.json is missing: how the models were evaluated is unknown.")
    return {}


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
    yield from _without_numbers(run)


def _without_numbers(run: Run) -> Iterable[str]:
    """Columns that are empty, for all models or for some, those of a kind together."""
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


def _what_is_there(folder: Path) -> str:
    advice = f"Expected {OVERALL}, written by tools/evaluate_depth.py; evaluate first."
    if not folder.is_dir():
        return f"is no folder. {advice}"
    content = sorted(path.name for path in folder.iterdir())
    return f"holds {content[:8]}. {advice}" if content else f"is empty. {advice}"
