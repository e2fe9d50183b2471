"""One picture of several frames: image, ground truth and prediction side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from vantage3d.io.atomic import atomic_write
from vantage3d.visualization.comparison import Comparison, compare
from vantage3d.visualization.frame import FrameResult
from vantage3d.visualization.painting import WARNING, paint

PANEL_WIDTH_IN = 4.2
CAPTION_IN = 0.5
MARGIN_IN = 0.4
DPI = 150
TITLES = (
    "image",
    "ground truth",
    "prediction, score \N{GREATER-THAN OR EQUAL TO} {:g}",
)


def write_picture(
    path: str | Path, frames: Sequence[FrameResult], score_thr: float
) -> None:
    """Write the PNG of `draw_frames`, whole or not at all."""
    figure = draw_frames(frames, score_thr)
    atomic_write(path, lambda file: figure.savefig(file, format="png", dpi=DPI))


def draw_frames(frames: Sequence[FrameResult], score_thr: float) -> Figure:
    """A row per frame: image, ground truth, prediction.

    A prediction has the colour of the true instance that it matches (IoU > 0.5), else
    it is grey; what AP counts as missed or wrong is outlined in red.

    Args:
        frames: At least one.
        score_thr: Predictions below it are not drawn.

    Raises:
        ValueError: If there are no frames.
    """
    if not frames:
        raise ValueError("`frames` must hold at least one frame, got 0.")
    rows_in = [_panel_height(frame) + CAPTION_IN for frame in frames]
    width, height = 3 * PANEL_WIDTH_IN + 0.2, sum(rows_in) + 2 * MARGIN_IN
    figure = Figure(figsize=(width, height), facecolor="white")
    top = height - MARGIN_IN
    for number, (frame, row_in) in enumerate(zip(frames, rows_in)):
        comparison = compare(frame, score_thr)
        panels = _panels(frame, comparison)
        captions = _captions(frame, comparison)
        for column in range(3):
            left = (0.05 + column * (PANEL_WIDTH_IN + 0.05)) / width
            bottom = (top - row_in + CAPTION_IN) / height
            size = PANEL_WIDTH_IN / width, (row_in - CAPTION_IN) / height
            axes = figure.add_axes((left, bottom, *size))
            _show(axes, panels[column], captions[column])
            if number == 0:
                axes.set_title(
                    TITLES[column].format(score_thr),
                    fontsize=13,
                    fontweight="bold",
                    pad=6,
                )
        top -= row_in
    _legend(figure)
    return figure


def _panels(frame: FrameResult, comparison: Comparison) -> tuple[np.ndarray, ...]:
    missed = ~comparison.gt_found & ~comparison.gt_small
    truth = comparison.gt_ids, comparison.gt_colours, missed
    wrong = ~comparison.pred_matched & ~comparison.pred_ignored
    prediction = comparison.pred_ids, comparison.pred_colours, wrong
    return (
        frame.image,
        paint(frame.image, frame.pixels, *truth),
        paint(frame.image, frame.pixels, *prediction),
    )


def _captions(frame: FrameResult, comparison: Comparison) -> tuple[str, str, str]:
    counted = ~comparison.gt_small
    true, small = int(counted.sum()), int(comparison.gt_small.sum())
    found = int((comparison.gt_found & counted).sum())
    ignored = int(comparison.pred_ignored.sum())
    wrong = int((~comparison.pred_matched).sum()) - ignored
    ap50 = f"class-agnostic AP50 {comparison.ap50:.2f}"
    if np.isnan(comparison.ap50):
        ap50 = "no AP50"
    truth = f"{true} instance{'s' if true != 1 else ''}"
    return (
        f"{frame.name}, {len(frame.points)} points",
        truth + (f", {small} too small to count" if small else ""),
        f"{ap50}: {found} of {true} found,\n{wrong} wrong or double, "
        f"{ignored} not counted",
    )


def _show(axes: Axes, panel: np.ndarray, caption: str) -> None:
    axes.imshow(panel, interpolation="lanczos")
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xlabel(caption, fontsize=9, labelpad=5)


def _legend(figure: Figure) -> None:
    red = "#{:02x}{:02x}{:02x}".format(*WARNING)
    handles = [
        Patch(facecolor="tab:blue", label="prediction in the colour of its truth"),
        Patch(facecolor="tab:blue", edgecolor=red, linewidth=2, label="truth missed"),
        Patch(
            facecolor="grey",
            edgecolor=red,
            linewidth=2,
            label="prediction wrong or double",
        ),
        Patch(facecolor="grey", label="prediction not counted: on no instance"),
        Patch(facecolor="gainsboro", label="no instance"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=5, frameon=False)


def _panel_height(frame: FrameResult) -> float:
    height, width = frame.image.shape[:2]
    return PANEL_WIDTH_IN * height / width
