"""Figures 13 and 16: example frames with normal errors and with depth."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from vantage3d.evaluation.report.plotting import (
    TEXT,
    WIDTH,
    CannotDrawError,
    new_figure,
    readable_log,
)
from vantage3d.evaluation.results.run import Model, Run
from vantage3d.evaluation.results.score import pair, subject

FILE = "examples.npz"
KEYS = ("names", "images", "depth_gt", "depth_pred", "normal_error_deg")
WORST_ANGLE = 90.0  # degrees, where the colours end
NOT_MEASURED = "#dddddd"
Arrays = Mapping[str, NDArray[Any]]


def read_examples(model: Model) -> Arrays | None:
    """Arrays of the example frames of a model, None if it has none.

    Returns:
        ``names`` (E,); ``images`` (E, H, W, 3) uint8 RGB; ``depth_gt`` and
        ``depth_pred`` (E, H, W) metres, 0 missing; ``normal_error_deg`` (E, H, W), NaN
        where it was not measured.

    Raises:
        ValueError: If an array is missing.
    """
    path = model.folder / FILE
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        missing = [key for key in KEYS if key not in file]
        if missing:
            raise ValueError(
                f"{path}: expected the arrays {list(KEYS)}, got {sorted(file)}. "
                "Evaluate again."
            )
        return {key: file[key] for key in KEYS}


def normal_errors(run: Run) -> Figure:
    """13: image and normal error, the baseline beside the best."""
    models, examples = _shown(run)
    columns = ["image", *(f"normal error, {model.name}" for model in models)]
    figure, grid = _grid(examples[0]["images"], columns)
    colours = Normalize(0, WORST_ANGLE)
    for row, axes in enumerate(grid):
        _show_image(axes[0], examples[0], row)
        for place, arrays in zip(axes[1:], examples):
            drawn = _show(place, arrays["normal_error_deg"][row], "viridis", colours)
    _colour_bar(figure, grid, drawn, "angle to the true normal in degrees")
    return figure


def depths(run: Run) -> Figure:
    """16: image, true depth and aligned predicted depth."""
    models, examples = _shown(run)
    columns = ["image", "true depth", *(f"depth, {model.name}" for model in models)]
    figure, grid = _grid(examples[0]["images"], columns)
    true = examples[0]["depth_gt"]
    low, high = np.percentile(true[true > 0], (2, 98))
    colours = LogNorm(low, high)
    for row, axes in enumerate(grid):
        _show_image(axes[0], examples[0], row)
        maps = [true, *(arrays["depth_pred"] for arrays in examples)]
        for place, depth in zip(axes[1:], maps):
            known = np.where(depth[row] > 0, depth[row], np.nan)
            drawn = _show(place, known, "viridis", colours)
    _colour_bar(figure, grid, drawn, "depth in m")
    return figure


def _shown(run: Run) -> tuple[list[Model], list[Arrays]]:
    pairs = [
        (model, arrays)
        for model in pair(run)
        if (arrays := read_examples(model)) is not None
    ]
    if not pairs or not len(pairs[0][1]["images"]):
        raise CannotDrawError(f"needs models/{subject(run).name}/{FILE}")
    models, examples = zip(*pairs)
    return list(models), list(examples)


def _grid(images: NDArray, titles: list[str]) -> tuple[Figure, NDArray]:
    rows, height, width, _ = images.shape
    panel = WIDTH / len(titles) * height / width
    figure = new_figure(rows, 1, height=(panel + 0.34) * rows + 1.0)
    figure.get_layout_engine().set(h_pad=0.02)
    grid = figure.subplots(rows, len(titles), squeeze=False)
    for axes, title in zip(grid[0], titles):
        axes.set_title(title, fontsize=TEXT["label"], loc="left")
    for axes in grid.flat:
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
    return figure, grid


def _show_image(axes: Axes, arrays: Arrays, row: int) -> None:
    axes.imshow(arrays["images"][row])
    name = str(arrays["names"][row])
    axes.set_xlabel(name[-34:], fontsize=TEXT["note"], loc="left")


def _show(
    axes: Axes, values: NDArray, colour_map: str, colours: Normalize
) -> AxesImage:
    grey = colormaps[colour_map].with_extremes(bad=NOT_MEASURED)
    masked = np.ma.masked_invalid(values)
    return axes.imshow(masked, cmap=grey, norm=colours, interpolation="nearest")


def _colour_bar(figure: Figure, grid: NDArray, drawn: AxesImage, text: str) -> None:
    bar = figure.colorbar(
        drawn, ax=list(grid.flat), orientation="horizontal", aspect=50, shrink=0.6,
        extend="both",
    )  # fmt: skip
    bar.set_label(f"{text}; grey: not measurable", fontsize=TEXT["label"])
    bar.ax.tick_params(labelsize=TEXT["tick"])
    if isinstance(drawn.norm, LogNorm):
        readable_log(bar.ax.xaxis)
