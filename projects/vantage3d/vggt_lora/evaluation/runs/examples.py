"""Frames to look at: image, truth, aligned prediction, where normals are wrong."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.windows.aligned import AlignedWindow
from vantage3d.evaluation.windows.contracts import (
    UNKNOWN,
    MetricOptions,
    WindowPrediction,
    WindowTruth,
)
from vantage3d.evaluation.windows.geometry import normal_error_map
from vantage3d.io.atomic import atomic_write_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NEAR, FAR = 2, 98  # percentiles of the true depth that bound the colours of pictures


class Example(NamedTuple):
    """One frame.

    Attributes:
        name: Sequence and number of the frame.
        image: (H, W, 3) uint8 RGB.
        depth: (H, W) float32 true metres, 0 = missing.
        predicted: (H, W) float32 metres after the alignment of the evaluation.
        normal_error_deg: (H, W) float32; NaN where one of the two normals is missing.
        semantics: (H, W) int16 class ids, -1 = unknown.
    """

    name: str
    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    predicted: NDArray[np.float32]
    normal_error_deg: NDArray[np.float32]
    semantics: NDArray[np.int16]

    @classmethod
    def of(
        cls,
        prediction: WindowPrediction,
        truth: WindowTruth,
        frame: int,
        options: MetricOptions,
    ) -> "Example":
        """A frame of a window, as the evaluation sees it."""
        window = AlignedWindow(prediction, truth, options)
        depth = np.where(truth.valid[frame], truth.depth[frame], 0)
        semantics = np.full(depth.shape, UNKNOWN, np.int16)
        if truth.semantics is not None:
            semantics[:] = truth.semantics[frame]
        image = np.moveaxis(truth.images[frame], 0, -1)
        return cls(
            f"{truth.sequence}/{truth.names[frame]}",
            (image * 255).round().clip(0, 255).astype(np.uint8),
            depth.astype(np.float32),
            window.depth[frame].astype(np.float32),
            normal_error_map(window, frame).astype(np.float32),
            semantics,
        )


def write_examples(path: Path, examples: Sequence[Example]) -> None:
    """Write ``examples.npz``: the attributes, stacked, under plural names."""
    stack = {
        "names": np.array([e.name for e in examples]),
        "images": np.stack([e.image for e in examples]),
        "depth_gt": np.stack([e.depth for e in examples]),
        "depth_pred": np.stack([e.predicted for e in examples]),
        "normal_error_deg": np.stack([e.normal_error_deg for e in examples]),
        "semantics": np.stack([e.semantics for e in examples]),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **stack)
    atomic_write_bytes(path, buffer.getvalue())


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
) -> "Figure":
    """Image and prediction above, truth and absolute error below.

    Args:
        name: Title.
        image: (H, W, 3) RGB.
        truth: (H, W) metres, 0 = missing.
        predicted: (H, W) metres.
    """
    from matplotlib.figure import Figure

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
