"""One picture of several frames: image, true and predicted instances side by side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from scipy.ndimage import distance_transform_edt, maximum_filter

from vantage3d.io.images import write_figure
from vantage3d.visualization.instances import Comparison, FrameResult, compare

PANEL_WIDTH_IN = 4.2
CAPTION_IN = 0.5
MARGIN_IN = 0.4
DPI = 150
WARNING = (230, 20, 20)  # RGB of the outline of what is missed or wrong
TITLES = (
    "image",
    "ground truth",
    "prediction, score \N{GREATER-THAN OR EQUAL TO} {:g}",
)


def write_picture(
    path: str | Path, frames: Sequence[FrameResult], score_thr: float
) -> None:
    """Write the PNG of `draw_frames`, whole or not at all."""
    write_figure(path, draw_frames(frames, score_thr), DPI)


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
    shapes = [frame.image.shape for frame in frames]
    rows_in = [PANEL_WIDTH_IN * h / w + CAPTION_IN for h, w, _ in shapes]
    width, height = 3 * PANEL_WIDTH_IN + 0.2, sum(rows_in) + 2 * MARGIN_IN
    figure = Figure(figsize=(width, height), facecolor="white")
    top = height - MARGIN_IN
    for number, (frame, row_in) in enumerate(zip(frames, rows_in)):
        comparison = compare(frame, score_thr)
        missed = ~comparison.gt_found & ~comparison.gt_small
        truth = comparison.gt_ids, comparison.gt_colours, missed
        wrong = ~comparison.pred_matched & ~comparison.pred_ignored
        prediction = comparison.pred_ids, comparison.pred_colours, wrong
        painted = (paint(frame.image, frame.pixels, *p) for p in (truth, prediction))
        panels = frame.image, *painted
        captions = _captions(frame, comparison)
        for column in range(3):
            left = (0.05 + column * (PANEL_WIDTH_IN + 0.05)) / width
            bottom = (top - row_in + CAPTION_IN) / height
            size = PANEL_WIDTH_IN / width, (row_in - CAPTION_IN) / height
            axes = figure.add_axes((left, bottom, *size))
            axes.imshow(panels[column], interpolation="lanczos")
            caption_below(axes, captions[column], pad=5)
            if number == 0:
                title = TITLES[column].format(score_thr)
                axes.set_title(title, fontsize=13, fontweight="bold", pad=6)
        top -= row_in
    _legend(figure)
    return figure


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


def caption_below(axes: Axes, caption: str, pad: float) -> None:
    """A bare panel: no ticks, no frame, a line of text below."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_xlabel(caption, fontsize=9, labelpad=pad)


def _legend(figure: Figure) -> None:
    red: dict = {"edgecolor": "#{:02x}{:02x}{:02x}".format(*WARNING), "linewidth": 2}
    handles = [
        Patch(facecolor="tab:blue", label="prediction in the colour of its truth"),
        Patch(facecolor="tab:blue", label="truth missed", **red),
        Patch(facecolor="grey", label="prediction wrong or double", **red),
        Patch(facecolor="grey", label="prediction not counted: on no instance"),
        Patch(facecolor="gainsboro", label="no instance"),
    ]
    figure.legend(handles=handles, loc="lower center", ncols=5, frameon=False)


def paint(
    image: np.ndarray,
    pixels: np.ndarray,
    ids: np.ndarray,
    colours: np.ndarray,
    warn: np.ndarray,
) -> np.ndarray:
    """Colour the instances, fade the rest.

    Args:
        image: (H, W, 3) uint8 RGB.
        pixels: (N, 2) int (x, y) of the points.
        ids: (N,) row of ``colours`` of each point, -1 none.
        colours: (K, 3) uint8 RGB.
        warn: (K,) bool, outlined in red instead of white.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    dense = spread((image.shape[0], image.shape[1]), pixels, ids)
    grey = image.mean(2, keepdims=True)
    panel = np.repeat(150 + grey * 0.4, 3, axis=2)
    inside = dense >= 0
    panel[inside] = 0.75 * colours[dense[inside]] + 0.25 * grey[inside]
    wide = 1 + max(image.shape[:2]) // 400
    edge = outline(dense)
    panel[edge & inside] = 255
    warned = edge & inside & np.append(warn, False)[dense]
    panel[maximum_filter(warned, size=wide + 1)] = WARNING
    return np.clip(np.round(panel), 0, 255).astype(np.uint8)


def spread(size: tuple[int, int], pixels: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Ids of sparse pixels given to their surroundings.

    Args:
        size: (H, W).
        pixels: (N, 2) int (x, y).
        ids: (N,), -1 none.

    Returns:
        (H, W) id of the nearest point; -1 farther than 2.5 mean distances from any.
    """
    if not len(pixels):
        return np.full(size, -1)
    sparse = np.full(size, -1)
    empty = np.ones(size, bool)
    sparse[pixels[:, 1], pixels[:, 0]] = ids
    empty[pixels[:, 1], pixels[:, 0]] = False
    distance, nearest = distance_transform_edt(empty, return_indices=True)
    dense = sparse[tuple(nearest)]
    dense[distance > 2.5 * np.sqrt(size[0] * size[1] / len(pixels))] = -1
    return dense


def outline(dense: np.ndarray) -> np.ndarray:
    """(H, W) bool, where the id differs from that of a direct neighbour."""
    edge = np.zeros(dense.shape, bool)
    below, right = dense[1:] != dense[:-1], dense[:, 1:] != dense[:, :-1]
    edge[1:] |= below
    edge[:-1] |= below
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return edge
