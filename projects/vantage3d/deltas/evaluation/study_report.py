"""What a study shows: a table, warnings, a plot."""

import json
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from vantage3d.deltas.evaluation.sparse_points import SPARSE
from vantage3d.deltas.evaluation.studies import Result, Study
from vantage3d.evaluation.metrics_table import find
from vantage3d.evaluation.stereo_depth import EIGHT
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.images import write_figure

CONTROL = "no points"
# Relative difference of AbsRel below which views made no difference.
SAME = 1e-3
FEW = 0.01


def write_study(
    folder: Path, name: str, study: Study, results: Sequence[Result]
) -> str:
    """Write ``<name>.md``, ``.json`` and ``.png``; return the markdown."""
    text = markdown(name, results)
    rows = [{"row": r.row.name, "command": r.command, **r.metrics} for r in results]
    atomic_write_bytes(folder / f"{name}.md", text.encode())
    atomic_write_bytes(folder / f"{name}.json", json.dumps(rows, indent=1).encode())
    write_figure(folder / f"{name}.png", draw(study, results))
    return text


def markdown(name: str, results: Sequence[Result]) -> str:
    """The table, what must be noticed, and the commands."""
    titles = ["row", *(find(key).title for key in (*SPARSE, *EIGHT))]
    lines = ["| " + " | ".join(titles) + " |", "|" + " --- |" * len(titles)]
    for result in results:
        star = "" if result.row.same_mask else " *"
        cells = [f"{result.metrics[key]:.4f}" for key in (*SPARSE, *EIGHT)]
        lines.append(f"| {result.row.name}{star} | " + " | ".join(cells) + " |")
    notes = warnings(results)
    if any(not result.row.same_mask for result in results):
        notes.append(
            "\\* other pixels are judged in this row: not comparable with the others."
        )
    commands = [f"    {r.command}" for r in results if r.command]
    parts = [f"# Study: {name}", "", *lines, "", *(f"- {note}" for note in notes)]
    return "\n".join([*parts, "", *commands, ""])


def warnings(results: Sequence[Result]) -> list[str]:
    """Rows in which the views cannot have been used."""
    notes = []
    control = next((r for r in results if r.row.name == CONTROL), None)
    for result in results:
        share, row = result.metrics["sparse.triangulated"], result.row
        if share < FEW:
            notes.append(
                f"{row.name}: {share:.2%} of the keypoints were triangulated, so its "
                "depth is a guess from one image."
            )
        if control is None or row.x is None or not row.same_mask:
            continue
        guess = control.metrics[EIGHT[0]]
        if abs(result.metrics[EIGHT[0]] - guess) < SAME * guess:
            notes.append(
                f"{row.name}: AbsRel equals that without any point ({guess:.4f}): "
                "triangulation made no difference."
            )
    return notes


def draw(study: Study, results: Sequence[Result]) -> Figure:
    """Errors of dense depth and of the sparse points, and the share triangulated."""
    figure = Figure(figsize=(9, 3.8), layout="constrained", dpi=120)
    left, right = figure.subplots(1, 2)
    places = {r.row.x: r for r in results if r.row.x is not None}
    xs, drawn = list(places), list(places.values())
    for key, label in (
        (EIGHT[0], "dense AbsRel"),
        ("sparse.abs_rel_median", "sparse, median"),
    ):
        left.plot(xs, [r.metrics[key] for r in drawn], "o-", label=label)
    for result in results:
        if result.row.x is None:
            height = result.metrics[EIGHT[0]]
            left.axhline(height, linestyle=":", linewidth=1, color="0.4")
            left.annotate(
                result.row.name, (0.01, height), xycoords=("axes fraction", "data"),
                fontsize=7, va="bottom",
            )  # fmt: skip
    for key, label in (
        ("sparse.triangulated", "keypoints triangulated"),
        ("sparse.within_5", "of them within 5 %"),
    ):
        right.plot(xs, [r.metrics[key] for r in drawn], "o-", label=label)
    left.set_ylabel("relative error")
    right.set_ylabel("share")
    right.set_ylim(0, 1.03)
    left.set_ylim(bottom=0)
    for axes in (left, right):
        names = [f"{r.row.x:g}" if study.axis else r.row.name for r in drawn]
        axes.set_xticks(xs, names)
        if not study.axis:
            axes.tick_params(axis="x", labelrotation=30, labelsize=7)
        axes.set_xlabel(study.axis)
        axes.legend(fontsize=8, frameon=False)
        axes.spines[["top", "right"]].set_visible(False)
    return figure
