"""Predicted instances of a frame as a file that anyone can read."""

from pathlib import Path

import numpy as np

from vantage3d.io.atomic import atomic_write


def write_prediction(
    path: Path, masks: np.ndarray, classes: list[str], scores: np.ndarray
) -> None:
    """Write the instances of one frame as a compressed ``.npz``.

    Args:
        path: The file; its folder is made.
        masks: (P, N) bool, over the points of the frame's ``points/<id>.bin``.
        classes: Name of the class of each instance.
        scores: (P,) confidence.
    """
    names = np.array(classes, dtype=np.str_)

    def write(file) -> None:
        np.savez_compressed(
            file, masks=masks, classes=names, scores=scores.astype(np.float32)
        )

    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(path, write)
