"""Tables of the report: the Top K with the components of the score, and all models."""

import csv
import io
import math
from collections.abc import Sequence
from typing import NamedTuple

from vantage3d.evaluation.report.cost_figures import cost_metrics
from vantage3d.evaluation.report.findings import headlines
from vantage3d.evaluation.results.labels import long_name
from vantage3d.evaluation.results.run import Model, Run
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


class Rows(NamedTuple):
    """A table of texts; a number that is not known is an empty text."""

    header: list[str]
    body: list[list[str]]
    caption: str = ""


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
        cells = [_cell(value, 4) for value in scores.values()]
        cells += [_cell(model.mean(metric), 1) for metric in costs]
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
        text = _cell(model.mean(metric), 4)
        if text and run.baseline is not None and model is not run.baseline:
            change = model.mean(metric) - run.baseline.mean(metric)
            text += f" ({change:+.4f})" if math.isfinite(change) else ""
        cells.append(text)
    return cells


def _cell(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else ""


def to_csv(rows: Rows) -> str:
    """The table as CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([rows.header, *rows.body])
    return text.getvalue()


def to_text(rows: Rows) -> str:
    """The table in columns of even width."""
    table = [rows.header, *rows.body]
    widths = [max(map(len, column)) for column in zip(*table)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in table
    )
