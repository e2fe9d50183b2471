"""Frames to look at: image, truth, aligned prediction, where normals are wrong."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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

Example = dict[str, NDArray[Any]]


def example(
    prediction: WindowPrediction, truth: WindowTruth, frame: int, options: MetricOptions
) -> Example:
    """A frame of a window, as the evaluation sees it.

    Returns:
        ``names`` (sequence and number of the frame); ``images`` (H, W, 3) uint8 RGB;
        ``depth_gt`` and ``depth_pred`` (H, W) float32 metres, 0 where truth is missing,
        the latter after the alignment; ``normal_error_deg`` (H, W) float32, NaN where
        one of the two normals is missing; ``semantics`` (H, W) int16 class ids, -1
        where unknown.
    """
    window = AlignedWindow(prediction, truth, options)
    depth = np.where(truth.valid[frame], truth.depth[frame], 0)
    semantics = np.full(depth.shape, UNKNOWN, np.int16)
    if truth.semantics is not None:
        semantics[:] = truth.semantics[frame]
    image = np.moveaxis(truth.images[frame], 0, -1)
    return {
        "names": np.array(f"{truth.sequence}/{truth.names[frame]}"),
        "images": (image * 255).round().clip(0, 255).astype(np.uint8),
        "depth_gt": depth.astype(np.float32),
        "depth_pred": window.depth[frame].astype(np.float32),
        "normal_error_deg": normal_error_map(window, frame).astype(np.float32),
        "semantics": semantics,
    }


def write_examples(path: Path, examples: Sequence[Example]) -> None:
    """Write ``examples.npz``: the arrays of the examples, stacked."""
    buffer = io.BytesIO()
    stacked = {key: np.stack([e[key] for e in examples]) for key in examples[0]}
    np.savez_compressed(buffer, **stacked)
    atomic_write_bytes(path, buffer.getvalue())


def draw_examples(file: Path, folder: Path) -> None:
    """One PNG per frame of ``examples.npz`` that has true depth, named after it."""
    from vantage3d.visualization.depth_picture import DepthView, write_depth_picture

    with np.load(file, allow_pickle=False) as store:
        arrays = {name: store[name] for name in store.files}
    folder.mkdir(parents=True, exist_ok=True)
    for i, name in enumerate(map(str, arrays["names"])):
        truth, answer = arrays["depth_gt"][i], arrays["depth_pred"][i]
        if (truth > 0).any():
            view = DepthView(name, arrays["images"][i], truth, {"prediction": answer})
            write_depth_picture(folder / f"{name.replace('/', '_')}.png", [view])
