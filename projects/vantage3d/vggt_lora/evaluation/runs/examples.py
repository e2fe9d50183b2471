"""Frames to look at: image, truth, aligned prediction, where normals are wrong."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.windows.aligned import AlignedWindow
from vantage3d.evaluation.windows.contracts import (
    MetricOptions,
    WindowPrediction,
    WindowTruth,
)
from vantage3d.evaluation.windows.surfaces import normal_error_map
from vantage3d.io.atomic import atomic_write_bytes

UNKNOWN = -1


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
