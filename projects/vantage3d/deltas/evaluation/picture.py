"""One picture of several anchors: keypoints with their depth, truth, prediction."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import NDArray

from vantage3d.io.atomic import atomic_write

COLOURS = "turbo_r"  # near is warm
MISSING = "0.6"
TITLES = ("anchor and triangulated keypoints", "ground truth", "prediction")
PANEL_IN = 3.6


class Anchor(NamedTuple):
    """What is drawn of one sample.

    Attributes:
        name: Name of the sample.
        image: (H, W, 3) uint8 RGB.
        truth: (H, W) metres, 0 missing.
        pred: (H, W) metres.
        keypoints: (N, 2) pixels (x, y).
        z: (N,) triangulated depth, metres.
        valid: (N,) bool, whether it was triangulated.
    """

    name: str
    image: NDArray[np.uint8]
    truth: NDArray[Any]
    pred: NDArray[Any]
    keypoints: NDArray[Any]
    z: NDArray[Any]
    valid: NDArray[np.bool_]


def write_depth_picture(path: str | Path, anchors: Sequence[Anchor]) -> None:
    """Write the PNG of :func:`draw_depth`, whole or not at all."""
    figure = draw_depth(anchors)
    atomic_write(path, lambda file: figure.savefig(file, format="png", dpi=110))


def draw_depth(anchors: Sequence[Anchor]) -> Figure:
    """A row per anchor, one scale of colours for all of it.

    Raises:
        ValueError: If there are no anchors.
    """
    if not anchors:
        raise ValueError("`anchors` must hold at least one sample, got 0.")
    height, width = anchors[0].image.shape[:2]
    size = (3 * PANEL_IN + 0.9, len(anchors) * (PANEL_IN * height / width + 0.45) + 0.3)
    figure = Figure(figsize=size, layout="constrained", facecolor="white")
    panels = figure.subplots(len(anchors), 3, squeeze=False)
    for number, (anchor, row) in enumerate(zip(anchors, panels)):
        scale = _scale(anchor.truth)
        _draw_row(row, anchor, scale)
        bar = figure.colorbar(ScalarMappable(scale, COLOURS), ax=list(row), pad=0.01)
        bar.set_label("depth, m", fontsize=8)
        if number == 0:
            for axes, title in zip(row, TITLES):
                axes.set_title(title, fontsize=11, fontweight="bold")
    return figure


def _scale(truth: NDArray[Any]) -> Normalize:
    known = truth[truth > 0]
    low, high = np.percentile(known, [1, 99]) if known.size else (0.5, 10.0)
    return Normalize(low, max(high, low + 1e-3))


def _draw_row(row: Sequence[Axes], anchor: Anchor, scale: Normalize) -> None:
    shades = {"cmap": COLOURS, "norm": scale}
    known, valid = anchor.truth > 0, anchor.valid
    row[0].imshow(anchor.image)
    lost = anchor.keypoints[~valid]
    row[0].scatter(*lost.T, s=10, marker="x", color="white", linewidths=0.7)
    points = anchor.keypoints[valid]
    row[0].scatter(*points.T, c=anchor.z[valid], s=14, edgecolors="k",
                   linewidths=0.4, **shades)  # fmt: skip
    for axes, depth in ((row[1], anchor.truth), (row[2], anchor.pred)):
        axes.set_facecolor(MISSING)
        axes.imshow(np.ma.masked_array(depth, ~(depth > 0)), **shades)
    captions = [f"{anchor.name}\n{valid.sum()} of {len(valid)} triangulated", "", ""]
    if known.any():
        error = np.abs(anchor.pred - anchor.truth)[known] / anchor.truth[known]
        captions[2] = f"AbsRel {error.mean():.3f}"
    for axes, caption in zip(row, captions):
        axes.set_xlabel(caption, fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
