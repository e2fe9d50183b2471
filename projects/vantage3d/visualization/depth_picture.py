"""One picture of depth: image, ground truth and answers, in one scale of colours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from vantage3d.evaluation.depth_metrics import Floats, Mask, depth_errors
from vantage3d.io.images import write_figure
from vantage3d.visualization.instance_picture import caption_below

PANEL_WIDTH_IN = 3.3
TITLE_IN, CAPTION_IN, BAR_IN, GAP_IN = 0.35, 0.28, 0.75, 0.08
DPI = 130
COLOURS = "turbo_r"
UNKNOWN = (0.72, 0.72, 0.72)
TICKS = (1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 80, 120)


class Keypoints(NamedTuple):
    """Places of an image whose depth was found, or not.

    Attributes:
        pixels: (N, 2) pixels (x, y).
        z: (N,) z-depth, metres.
        valid: (N,) bool, whether it was found.
    """

    pixels: Floats
    z: Floats
    valid: Mask


@dataclass(frozen=True)
class DepthView:
    """What is drawn of one frame.

    Attributes:
        name: Caption of the image.
        image: (H, W, 3) RGB in [0, 1].
        truth: (H, W) metres, 0 where there is no surface.
        answers: Title to (H, W) aligned depth in metres, the same titles in every view.
        keypoints: On the image, in the colour of their depth, lost ones as crosses.

    Raises:
        ValueError: If sizes disagree or the truth is empty.
    """

    name: str
    image: Floats
    truth: Floats
    answers: Mapping[str, Floats]
    keypoints: Keypoints | None = None

    def __post_init__(self) -> None:
        size = self.truth.shape
        for title, depth in self.answers.items():
            if depth.shape != size:
                raise ValueError(
                    f"{self.name}: {title!r} must have the truth's size {size}, got "
                    f"{depth.shape}."
                )
        if self.image.shape != (*size, 3):
            raise ValueError(
                f"{self.name}: `image` must have shape {(*size, 3)}, got "
                f"{self.image.shape}."
            )
        if not (self.truth > 0).any():
            raise ValueError(f"{self.name}: `truth` has no pixel with a surface.")


def write_depth_picture(
    path: str | Path, views: Sequence[DepthView], note: str = ""
) -> None:
    """Write the PNG of :func:`draw_depth`, whole or not at all."""
    write_figure(path, draw_depth(views, note), DPI)


def draw_depth(views: Sequence[DepthView], note: str = "") -> Figure:
    """A row per view, a column per answer, one bar of colours in metres for all.

    Pixels without a surface are grey in every panel: they are not evaluated.

    Args:
        views: At least one.
        note: A line below: how answers were aligned.

    Raises:
        ValueError: If there are no views.
    """
    if not views:
        raise ValueError("`views` must hold at least one view, got 0.")
    titles = ["image", "ground truth", *views[0].answers]
    heights = [PANEL_WIDTH_IN * v.truth.shape[0] / v.truth.shape[1] for v in views]
    width = len(titles) * (PANEL_WIDTH_IN + GAP_IN) + BAR_IN
    height = TITLE_IN + sum(heights) + (len(views) + 1) * CAPTION_IN
    figure = Figure(figsize=(width, height), facecolor="white")
    # From the nearest to the farthest surface, but for a percent each.
    known = np.concatenate([view.truth[view.truth > 0] for view in views])
    near, far = np.percentile(known, (1, 99))
    norm = LogNorm(float(near), float(max(far, 1.01 * near)), clip=True)
    top = height - TITLE_IN
    for row, (view, panel_in) in enumerate(zip(views, heights)):
        for column, title in enumerate(titles):
            left = GAP_IN / 2 + column * (PANEL_WIDTH_IN + GAP_IN)
            size = PANEL_WIDTH_IN / width, panel_in / height
            axes = figure.add_axes((left / width, (top - panel_in) / height, *size))
            shown = _show(axes, view, title, norm)
            if row == 0:
                axes.set_title(title, fontsize=13, fontweight="bold", pad=5)
        top -= panel_in + CAPTION_IN
    low, high = shown.get_clim()
    left = (width - BAR_IN + GAP_IN) / width
    bottom, end = 2 * CAPTION_IN / height, 1 - TITLE_IN / height
    axes = figure.add_axes((left, bottom, 0.16 / width, end - bottom))
    ticks = [tick for tick in TICKS if low <= tick <= high]
    bar = figure.colorbar(shown, cax=axes, ticks=ticks)
    bar.ax.set_yticklabels([f"{tick} m" for tick in ticks])
    bar.ax.minorticks_off()
    bar.ax.invert_yaxis()
    bar.ax.tick_params(labelsize=9)
    figure.text(0.005, 0.03 / height, note, fontsize=9, va="bottom")
    return figure


def _show(axes: Axes, view: DepthView, title: str, norm: LogNorm) -> AxesImage:
    if title == "image":
        shown, caption = axes.imshow(view.image), view.name
        if view.keypoints is not None:
            pixels, z, valid = view.keypoints
            lost: dict[str, Any] = {"marker": "x", "color": "white", "linewidths": 0.7}
            (x, y), (lost_x, lost_y) = pixels[valid].T, pixels[~valid].T
            axes.scatter(lost_x, lost_y, s=10, **lost)
            found: dict[str, Any] = {"cmap": COLOURS, "norm": norm, "edgecolors": "k"}
            axes.scatter(x, y, c=z[valid], s=14, linewidths=0.4, **found)
    else:
        truth = title == "ground truth"
        depth = view.truth if truth else view.answers[title]
        masked = np.ma.masked_where(view.truth <= 0, depth)
        colours = colormaps[COLOURS].with_extremes(bad=UNKNOWN)
        shown = axes.imshow(masked, norm=norm, cmap=colours, interpolation="nearest")
        caption = "grey: no surface"
        if not truth:
            errors = depth_errors(depth, view.truth, view.truth > 0)
            caption = f"AbsRel {errors['abs_rel']:.3f}, RMSE {errors['rmse']:.1f} m"
    caption_below(axes, caption, pad=2)
    return shown
