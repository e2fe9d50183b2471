"""Figures, HTML and text of a result folder."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from mmengine.logging import print_log

from vantage3d.checks import check_positive
from vantage3d.evaluation.report.figures import KINDS, Drawn, draw_all
from vantage3d.evaluation.report.findings import (
    all_models,
    fact_tables,
    findings,
    top_k,
)
from vantage3d.evaluation.results.folder import Rows, to_csv, to_text
from vantage3d.evaluation.results.run import check_same_windows, read_run
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.process.progress import track

HTML = "report.html"
SUMMARY = "evaluation_summary.txt"
TOP = "top_checkpoints.csv"
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c1c1c; background: #fff;
  max-width: 1040px; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.7rem; } h2 { border-bottom: 2px solid #0072B2; margin-top: 3rem; }
h3 { margin: 2.2rem 0 .3rem; }
nav { background: #f3f6f9; padding: .8rem 1.2rem; border-radius: 6px; }
nav ul { margin: 0; padding-left: 1.2rem; columns: 2; }
nav li { break-inside: avoid; } nav ul ul { columns: 1; }
figure { margin: 0 0 1rem; } figure img { max-width: 100%; height: auto; }
figcaption { color: #444; } .missing { color: #8a3b00; font-size: .93rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .84rem; margin: .6rem 0; }
th, td { padding: .25rem .45rem; border-bottom: 1px solid #ddd; text-align: right; }
th { background: #f3f6f9; vertical-align: bottom; }
td.text, th.text { text-align: left; min-width: 7rem; overflow-wrap: break-word; }
caption { text-align: left; color: #444; padding: .3rem 0; }
tr.baseline td { background: #f7f7f7; font-style: italic; }
code { font-size: .9em; }
""".strip()


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
    notes = list(run.notes)
    for item in drawn:
        path, columns = output / f"{item.kind.file}.png", ", ".join(item.missing)
        lacking = f" (missing columns: {columns})" if columns else ""
        if item.png is None:
            path.unlink(missing_ok=True)  # of an earlier report
            notes.append(f"{path.name} was not drawn: {item.reason}{lacking}.")
        else:
            atomic_write_bytes(path, item.png)
            notes += [f"{path.name} is not complete{lacking}."] if lacking else []
    for note in notes:
        print_log(f"{folder.name}: {note}", logger="current")
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


def html_page(
    title: str,
    sentences: Sequence[str],
    notes: Sequence[str],
    drawn: Sequence[Drawn],
    tables: dict[str, Rows],
) -> str:
    """The whole page; a table named like a section of the figures stands in it."""
    sections = list(dict.fromkeys(item.kind.section for item in drawn))
    extra = [name for name in tables if name not in sections]
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{STYLE}\n</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>",
        _contents(sections, drawn, extra),
        _section("Summary", _items(sentences)),
        _section("What is missing", _items(notes) if notes else "<p>Nothing.</p>"),
    ]
    for section in sections:
        figures = [_figure(d) for d in drawn if d.kind.section == section]
        table = [_table(tables[section])] if section in tables else []
        parts.append(_section(section, "\n".join(figures + table)))
    parts += [_section(name, _table(tables[name])) for name in extra]
    return "\n".join([*parts, "</body>", "</html>", ""])


def anchor(text: str) -> str:
    """Id of a heading."""
    return "".join(c if c.isalnum() else "-" for c in text.lower())


def _contents(
    sections: Sequence[str], drawn: Sequence[Drawn], extra: Sequence[str]
) -> str:
    lines = [_link("Summary"), _link("What is missing")]
    for section in sections:
        inner = "".join(
            f"<li>{_link(d.kind.title, d.kind.file)}</li>"
            for d in drawn
            if d.kind.section == section and d.png
        )
        lines.append(_link(section) + (f"<ul>{inner}</ul>" if inner else ""))
    lines += [_link(name) for name in extra]
    return f"<nav><ul>{''.join(f'<li>{line}</li>' for line in lines)}</ul></nav>"


def _link(text: str, target: str = "") -> str:
    return f'<a href="#{anchor(target or text)}">{escape(text)}</a>'


def _section(title: str, content: str) -> str:
    return f'<h2 id="{anchor(title)}">{escape(title)}</h2>\n{content}'


def _items(texts: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{escape(text)}</li>' for text in texts)}</ul>"


def _figure(drawn: Drawn) -> str:
    kind = drawn.kind
    parts = [f'<h3 id="{anchor(kind.file)}">{escape(kind.title)}</h3>']
    if drawn.png is None:
        parts.append(
            f'<p class="missing">{kind.file}.png was not drawn: '
            f"{escape(drawn.reason)}.</p>"
        )
    else:
        data = base64.b64encode(drawn.png).decode()
        parts.append(
            f'<figure><img alt="{escape(kind.title)}" '
            f'src="data:image/png;base64,{data}">\n'
            f"<figcaption>{escape(kind.caption)}</figcaption></figure>"
        )
    if drawn.missing:
        names = ", ".join(f"<code>{escape(name)}</code>" for name in drawn.missing)
        parts.append(f'<p class="missing">Missing columns: {names}</p>')
    return "\n".join(parts)


def _table(rows: Rows) -> str:
    texts = [
        not all(re.match("$|[-+0-9]", row[i]) for row in rows.body)
        for i in range(len(rows.header))
    ]
    head = "".join(_cell("th", name, text) for name, text in zip(rows.header, texts))
    body = []
    for row in rows.body:
        mark = ' class="baseline"' if "baseline" in row[:2] else ""
        cells = "".join(_cell("td", name, text) for name, text in zip(row, texts))
        body.append(f"<tr{mark}>{cells}</tr>")
    caption = f"<caption>{escape(rows.caption)}</caption>" if rows.caption else ""
    return (
        f'<div class="scroll"><table>{caption}<thead><tr>{head}</tr></thead>\n'
        f"<tbody>{''.join(body)}</tbody></table></div>"
    )


def _cell(tag: str, text: str, left: bool) -> str:
    kind = ' class="text"' if left else ""
    return f"<{tag}{kind}>{escape(text)}</{tag}>"
