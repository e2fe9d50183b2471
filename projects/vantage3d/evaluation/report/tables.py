"""Tables of the report: the best checkpoints, all models, how they were evaluated."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vantage3d.evaluation.metrics_table import long_name
from vantage3d.evaluation.report.cost_figures import cost_metrics
from vantage3d.evaluation.report.findings import headlines
from vantage3d.evaluation.results.run import Model, Run, read_frames, read_windows
from vantage3d.evaluation.results.score import (
    ERROR,
    FORMULAS,
    NO_CLIP,
    REFERENCE,
    Scoring,
    rank,
    score,
    scoring,
    terms,
)
from vantage3d.evaluation.results.table import Rows, cell

COUNTS, SECONDS = "count.", "performance.eval_seconds"
LONG = 300  # characters of a value


def top_k(run: Run, count: int) -> Rows:
    """The best checkpoints and the baseline, with every term of the score.

    A term is weighted: the terms of a formula sum to its score. Only the term of AbsRel
    differs between the formulas.
    """
    models = rank(run)[0][:count]
    if run.baseline is not None:
        models = [*models, run.baseline]
    by, costs = scoring(run), cost_metrics(run)
    table = [_scores(model, by) if by else {} for model in models]
    header = ["rank", "model", *table[0], *(long_name(metric) for metric in costs)]
    body = []
    for place, (model, scores) in enumerate(zip(models, table), 1):
        cells = [cell(value, 4) for value in scores.values()]
        cells += [cell(model.mean(metric), 1) for metric in costs]
        body.append(["" if model is run.baseline else str(place), model.name, *cells])
    caption = "The best checkpoints: weighted terms, which sum to the score."
    return Rows(header, body, caption)


def _scores(model: Model, by: Scoring) -> dict[str, float]:
    """Both scores and all terms by the head of their column."""
    found = {f"score, {f}": score(model, f, by) for f in FORMULAS}
    clipped, free = terms(model, REFERENCE, by), terms(model, NO_CLIP, by)
    for name, value in clipped.items():
        if name == ERROR:
            found |= {f"{name}, {REFERENCE}": value, f"{name}, {NO_CLIP}": free[name]}
        else:
            found[name] = value
    return found


def all_models(run: Run) -> Rows:
    """The headline metrics of every model, and their change against the baseline."""
    metrics = headlines(run)
    header = ["model", *(long_name(metric) for metric in metrics)]
    body = [[m.name, *_changes(m, run, metrics)] for m in run.models]
    return Rows(header, body, "In brackets: the difference to the baseline.")


def _changes(model: Model, run: Run, metrics: Sequence[str]) -> list[str]:
    cells = []
    for metric in metrics:
        text = cell(model.mean(metric), 4)
        if text and run.baseline is not None and model is not run.baseline:
            change = model.mean(metric) - run.baseline.mean(metric)
            text += f" ({change:+.4f})" if math.isfinite(change) else ""
        cells.append(text)
    return cells


def fact_tables(run: Run) -> dict[str, Rows]:
    """How the models were evaluated, and entries of ``metadata.json`` by model."""
    tables = {"How it was evaluated": Rows(["fact", "value"], [*map(list, facts(run))])}
    models = run.metadata.get("models") or {}
    if models:
        keys = list(dict.fromkeys(key for entry in models.values() for key in entry))
        body = [
            [name, *(str(entry.get(key, "")) for key in keys)]
            for name, entry in models.items()
        ]
        tables["Weights"] = Rows(["model", *keys], body)
    return tables


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
