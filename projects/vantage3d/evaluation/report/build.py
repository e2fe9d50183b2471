"""Figures, HTML and text of a result folder."""

from dataclasses import dataclass
from pathlib import Path

from mmengine.logging import print_log

from vantage3d.checks import check_positive
from vantage3d.evaluation.report.figures import KINDS, Drawn, draw_all
from vantage3d.evaluation.report.findings import findings
from vantage3d.evaluation.report.page import html_page
from vantage3d.evaluation.report.tables import all_models, fact_tables, top_k
from vantage3d.evaluation.results.run import check_same_windows, read_run
from vantage3d.evaluation.results.table import Rows, to_csv, to_text
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.process.progress import track

HTML = "report.html"
SUMMARY = "evaluation_summary.txt"
TOP = "top_checkpoints.csv"


@dataclass(frozen=True)
class Report:
    """What was written: the page, the names of the figures, and what is missing."""

    page: Path
    figures: tuple[str, ...]
    notes: tuple[str, ...]


def build_report(folder: Path, output: Path, top: int = 5) -> Report:
    """Write every figure, ``report.html`` and ``evaluation_summary.txt``.

    Args:
        folder: Written by ``tools/evaluate_depth.py``; only this is read.
        output: Folder for the files; made if needed.
        top: Rows of the table of the best checkpoints.

    Raises:
        FileNotFoundError: If the folder holds no evaluation.
        ValueError: If it is damaged, or its models saw different windows.
    """
    check_positive("top", top)
    run = read_run(folder)
    check_same_windows(run)
    drawn = list(track(draw_all(run), len(KINDS), "figures"))
    notes = [*run.notes, *_notes(drawn)]
    for note in notes:
        print_log(f"{folder.name}: {note}", logger="current")
    for item in drawn:
        path = output / f"{item.kind.file}.png"
        if item.png is None:
            path.unlink(missing_ok=True)  # of an earlier report
        else:
            atomic_write_bytes(path, item.png)
    best = top_k(run, top)
    sentences = findings(run)
    title = f"Depth evaluation of {folder.resolve().name}"
    tables = {"Score": best, "All models": all_models(run), **fact_tables(run)}
    page = html_page(title, sentences, notes, drawn, tables)
    atomic_write_bytes(output / HTML, page.encode())
    atomic_write_bytes(output / TOP, to_csv(best).encode())
    text = summary(title, sentences, notes, tables)
    atomic_write_bytes(output / SUMMARY, text.encode())
    names = tuple(f"{item.kind.file}.png" for item in drawn if item.png)
    return Report(output / HTML, names, tuple(notes))


def _notes(drawn: list[Drawn]) -> list[str]:
    notes = []
    for item in drawn:
        lacking = (
            f" (missing columns: {', '.join(item.missing)})" if item.missing else ""
        )
        if item.png is None:
            notes.append(f"{item.kind.file}.png was not drawn: {item.reason}{lacking}.")
        elif lacking:
            notes.append(f"{item.kind.file}.png is not complete{lacking}.")
    return notes


def summary(
    title: str, sentences: list[str], notes: list[str], tables: dict[str, Rows]
) -> str:
    """The report as plain text, without figures."""
    blocks = [
        f"{title}\n{'=' * len(title)}",
        "\n".join(f"- {sentence}" for sentence in sentences),
        "What is missing\n---------------\n"
        + ("\n".join(f"- {note}" for note in notes) or "Nothing."),
    ]
    blocks += [
        f"{name}\n{'-' * len(name)}\n{to_text(rows)}" for name, rows in tables.items()
    ]
    return "\n\n".join(blocks) + "\n"
