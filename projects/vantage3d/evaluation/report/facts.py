"""How the models were evaluated, from the metadata and the counts."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from vantage3d.evaluation.results.run import Run
from vantage3d.evaluation.results.tables import read_frames, read_windows

COUNTS = "count."
SECONDS = "performance.eval_seconds"
LONG = 300  # characters of a value


def facts(run: Run) -> list[tuple[str, str]]:
    """Name and value: what was evaluated, then the entries of ``metadata.json``."""
    found = [("models", str(len(run.models))), *_sizes(run), *_counts(run)]
    for name, value in run.metadata.items():
        if name != "models":
            found += list(_flat(name, value))
    return found


def _sizes(run: Run) -> Iterator[tuple[str, str]]:
    for model in run.models:
        windows, frames = read_windows(model, ()), read_frames(model, ())
        if windows is not None:
            sequences = len(set(windows.texts["sequence"]))
            yield "windows", f"{len(windows)} of {sequences} sequences"
            if frames is not None:
                yield "frames", str(len(frames))
            return


def _counts(run: Run) -> Iterator[tuple[str, str]]:
    model = run.models[0]
    for metric in run.metrics:
        if metric.startswith(COUNTS) and math.isfinite(model.mean(metric)):
            name = metric.removeprefix(COUNTS).replace(".", " ").replace("_", " ")
            yield f"{name}, {model.name}", f"{model.mean(metric):,.0f}"
    seconds = sum(m.mean(SECONDS) for m in run.models if math.isfinite(m.mean(SECONDS)))
    if seconds:
        yield "evaluation time, all models", f"{seconds / 60:.1f} min"


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """Nested entries as ``a.b``; long ones cut."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{name}.{key}", item)
        return
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    text = str(value)
    yield name, text if len(text) <= LONG else f"{text[:LONG]} ..."


def about_models(run: Run) -> dict[str, Mapping[str, Any]]:
    """Entries of ``metadata.json`` by model: kind, hash, rank, alpha, path."""
    models = run.metadata.get("models")
    return dict(models) if isinstance(models, Mapping) else {}
