"""Tables of texts, and the few numbers of an evaluation that fit on a terminal."""

import math
from typing import NamedTuple

from vantage3d.evaluation.metrics_table import HEADLINE, find, region
from vantage3d.evaluation.results.folder import ResultFolder, csv_text

COLUMNS = (*HEADLINE, "performance.fps", "performance.latency_p95_ms")
SHORT = {"building": "bldg", "full": "", "": ""}


class Rows(NamedTuple):
    """A table of texts; a number that is not known is an empty text."""

    header: list[str]
    body: list[list[str]]
    caption: str = ""


def cell(value: float, digits: int = 4) -> str:
    """A number as text; empty where it is not known."""
    return f"{value:.{digits}f}" if math.isfinite(value) else ""


def to_csv(rows: Rows) -> str:
    """The table as CSV."""
    return csv_text(rows.header, rows.body)


def to_text(rows: Rows) -> str:
    """The table in columns of even width."""
    table = [rows.header, *rows.body]
    widths = [max(map(len, column)) for column in zip(*table)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
        for row in table
    )


def boxed(rows: Rows) -> str:
    """The table in a box, everything but the first column right-aligned."""
    from terminaltables import AsciiTable

    table = AsciiTable([rows.header, *rows.body])
    table.justify_columns = dict.fromkeys(range(1, len(rows.header)), "right")
    return table.table


def run_table(folder: ResultFolder) -> str:
    """Means of :data:`COLUMNS`, a line per model; columns that nobody has are out."""
    models = {name: folder.metrics(name) for name in folder.finished()}
    shown = [key for key in COLUMNS if any(key in row for row in models.values())]
    titles = [f"{find(key).title} {SHORT[region(key)]}".strip() for key in shown]
    body = [
        [name, *(cell(row.get(key, {}).get("mean", math.nan)) or "-" for key in shown)]
        for name, row in models.items()
    ]
    return to_text(Rows(["model", *titles], body))
