"""How the figures look: sizes, axes, and colours that everybody can tell apart."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

# Okabe and Ito's palette, without its yellow, which is faint on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00")
MARKERS = ("o", "s", "^", "D", "v", "P")
BASELINE_COLOUR = "#555555"
BEST_COLOUR = COLOURS[1]
GRID = "#dddddd"
DASHED = (0, (5, 3))
DPI = 100
WIDTH = 10.0  # inches: 1000 pixels, the width of the report
ROW = 3.4  # inches per row of panels
BAND = 0.18  # opacity of a confidence band
TEXT = {"title": 12, "label": 11, "tick": 10, "note": 9.5}


class CannotDrawError(Exception):
    """There is not enough data for a figure; the text says what it needs."""


def new_figure(rows: int, columns: int, height: float | None = None) -> Figure:
    """Empty figure for a grid of panels."""
    size = (WIDTH, height or ROW * rows + 0.4)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.1)
    return figure


def panels(figure: Figure, count: int, columns: int = 2) -> list[Axes]:
    """``count`` axes in rows of ``columns``, without empty ones."""
    columns = min(columns, count)
    rows = -(-count // columns)
    grid = figure.add_gridspec(rows, columns)
    return [figure.add_subplot(grid[i // columns, i % columns]) for i in range(count)]


def finish(
    axes: Axes, title: str, x: str, y: str, marks: Sequence = (), columns: int = 6
) -> None:
    """Title, axis labels, a quiet grid, no box, and a legend above the data."""
    axes.set_title(title, fontsize=TEXT["title"], loc="left", pad=24 if marks else 6)
    axes.set_xlabel(x, fontsize=TEXT["label"])
    axes.set_ylabel(y.replace(" (", "\n(", 1), fontsize=TEXT["label"])
    if marks:
        axes.legend(
            handles=list(marks),
            loc="lower left",
            bbox_to_anchor=(-0.01, 0.985),
            ncols=columns,
            fontsize=TEXT["note"],
            frameon=False,
            columnspacing=1.4,
            handletextpad=0.5,
        )
    axes.tick_params(labelsize=TEXT["tick"])
    axes.grid(color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def readable_log(axis: Axis) -> None:
    """Plain numbers on a logarithmic axis, as many as its range has room for."""
    low, high = sorted(axis.get_view_interval())
    digits = (1, 2, 3, 4, 5, 6, 8) if high < 12 * low else (1, 2, 3, 5)
    axis.set_major_locator(LogLocator(subs=digits if high < 100 * low else (1,)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def note(axes: Axes, text: str, place: tuple, offset: tuple, **look: Any) -> None:
    """A small text, moved off its place by some points."""
    look = {"fontsize": TEXT["note"], "textcoords": "offset points", **look}
    axes.annotate(text, place, xytext=offset, **look)


def mark(
    label: str, colour: str, marker: str = "", dash: Any = "-", **look: Any
) -> Line2D:
    """An entry of a legend."""
    look = {"color": colour, "marker": marker, "linestyle": dash, **look}
    return Line2D([], [], label=label, **look)


def legend_below(figure: Figure, handles: Sequence, columns: int = 4) -> None:
    """One legend for all panels."""
    figure.legend(
        handles=list(handles),
        loc="outside lower center",
        ncols=min(columns, len(handles)),
        fontsize=TEXT["tick"],
        frameon=False,
    )
