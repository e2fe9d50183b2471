"""Example frames as pictures: image, truth, prediction, and where they differ."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

NEAR, FAR = 2, 98  # percentiles of the true depth that bound the colours


def draw_examples(file: Path, folder: Path) -> list[Path]:
    """One PNG per frame of ``examples.npz``.

    Args:
        file: Of a model in a result folder.
        folder: Where pictures go, named after their frames.

    Returns:
        The pictures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with np.load(file, allow_pickle=False) as store:
        arrays = {name: store[name] for name in store.files}
    for i, name in enumerate(arrays["names"]):
        depths = arrays["depth_gt"][i], arrays["depth_pred"][i]
        figure = draw_example(str(name), arrays["images"][i], *depths)
        paths.append(folder / f"{str(name).replace('/', '_')}.png")
        figure.savefig(paths[-1], dpi=100)
    return paths


def draw_example(
    name: str,
    image: NDArray[np.uint8],
    truth: NDArray[np.float32],
    predicted: NDArray[np.float32],
) -> Figure:
    """Image and prediction above, truth and absolute error below.

    Args:
        name: Title.
        image: (H, W, 3) RGB.
        truth: (H, W) metres, 0 = missing.
        predicted: (H, W) metres.
    """
    height, width = truth.shape
    figure = Figure(figsize=(10, 1 + 10 * height / width), layout="constrained")
    (top, right), (bottom, corner) = figure.subplots(2, 2)
    known = truth > 0
    low, high = np.percentile(truth[known], (NEAR, FAR)) if known.any() else (0, 1)
    top.imshow(image)
    top.set_title("image")
    colours = dict(cmap="viridis", vmin=low, vmax=high)
    _map(right, predicted, "predicted depth, aligned [m]", **colours)
    shown = np.where(known, truth, np.nan)
    _map(bottom, shown, "true depth [m]", **colours)
    error = np.where(known, np.abs(predicted - truth), np.nan)
    _map(corner, error, "absolute error [m]", cmap="magma", vmin=0)
    for axes in (top, right, bottom, corner):
        axes.set_axis_off()
    figure.suptitle(name)
    return figure


def _map(axes: Any, values: NDArray[Any], title: str, **colours: Any) -> None:
    picture = axes.imshow(values, interpolation="nearest", **colours)
    axes.figure.colorbar(picture, ax=axes, shrink=0.8)
    axes.set_title(title)
