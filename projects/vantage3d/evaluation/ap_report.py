"""Tables and files of instance AP, for one or several answers side by side."""

import csv
import io
import json
import math

from vantage3d.evaluation.metrics_table import AP_KEYS, find
from vantage3d.evaluation.results.records import no_nan
from vantage3d.evaluation.results.table import Rows, boxed

OVERALL = dict(zip(("ap", "ap50%", "ap25%"), AP_KEYS))
HEADER = [find(key).label for key in AP_KEYS]


def ap_table(answers: dict[str, dict]) -> str:
    """Text table: the classes of the first answer, then each answer overall.

    Args:
        answers: Results of ``instance_ap`` by the name of who answered. Classes without
            true instances have no row.
    """
    first = next(iter(answers.values()))
    known = {
        name: row for name, row in first["classes"].items() if not math.isnan(row["ap"])
    }
    rows = (
        [[name, *_cells(row)] for name, row in known.items()] if len(known) > 1 else []
    )
    overall = [[name, *_cells(_overall(answer))] for name, answer in answers.items()]
    return boxed(Rows(["", *HEADER], [*rows, *overall]))


def ap_json(answers: dict[str, dict], **facts: object) -> str:
    """JSON of the answers under ``answers`` and ``facts`` beside it; nan is null."""
    return json.dumps(no_nan({**facts, "answers": answers}), indent=1) + "\n"


def ap_csv(answers: dict[str, dict]) -> str:
    """CSV with the columns answer, class, ap, ap50, ap25; class "all" is the mean.

    A class without true instances has empty cells.
    """
    cells = [
        [name, label, *(no_nan(row[key]) for key in OVERALL)]
        for name, answer in answers.items()
        for label, row in {"all": _overall(answer), **answer["classes"]}.items()
    ]
    header = ["answer", "class", "ap", "ap50", "ap25"]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *cells])
    return text.getvalue()


def _overall(answer: dict) -> dict[str, float]:
    return {key: answer[overall] for key, overall in OVERALL.items()}


def _cells(row: dict[str, float]) -> list[str]:
    return [f"{row[key]:.4f}" for key in OVERALL]
