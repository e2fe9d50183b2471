"""Answers of anybody's network to the windows of an evaluation, from ``.npz`` files.

Of a window its own file counts, ``FOLDER/<window id>.npz`` with all frames (ids are in
``windows.json``); else the frames of its sequence, ``FOLDER/<sequence>/<frame>.npz`` or
one ``FOLDER/<sequence>.npz``, by their numbers and with cameras in one world. Arrays
are those of :mod:`vantage3d.io.prediction_files`, lengths in any unit; names of files
are public ones (``/`` is ``.2f``, see :mod:`vantage3d.io.names`).
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vantage3d.evaluation.results.windows import EvaluationWindow
from vantage3d.evaluation.windows.contracts import WindowPrediction
from vantage3d.geometry import invert_rigid, scale_intrinsics
from vantage3d.io.names import public_name
from vantage3d.io.prediction_files import PredictedFiles, PredictedView
from vantage3d.io.sidecars import file_hash

ASPECT = 0.01  # relative difference of two sizes of one view


class PredictedWindows:
    """The answers in a folder.

    Raises:
        FileNotFoundError: If a window has no file, naming those that were looked for.
        ValueError: If a frame of a window is missing.
    """

    def __init__(self, folder: Path, windows: Sequence[EvaluationWindow]) -> None:
        self.folder = folder
        self.places = {window.id: self._place(window) for window in windows}

    def _place(self, window: EvaluationWindow) -> tuple[Path, tuple[str, ...]]:
        """Where a window's frames are, and their names there."""
        sequence = self.folder / public_name(window.sequence)
        own = self.folder / f"{public_name(window.id)}.npz"
        wanted = (own, sequence, sequence.with_name(f"{sequence.name}.npz"))
        path = next((path for path in wanted if path.exists()), None)
        if path is None:
            raise FileNotFoundError(
                f"{self.folder} has no answer to window {window.id}: expected "
                f"{', '.join(map(str, wanted))}. A model is measured on all windows or "
                "not at all; docs/evaluating_runs.md shows how to write them"
            )
        files = PredictedFiles(path)
        if path == own and not files.named:
            if len(files.names) != len(window.frames):
                raise ValueError(
                    f"{path} has {len(files.names)} frames, window {window.id} "
                    f"{len(window.frames)}: {list(window.frames)}. Predict it again"
                )
            return path, files.names
        by_number = {frame_number(name): name for name in files.names}
        missing = [frame for frame in window.frames if frame not in by_number]
        if missing:
            raise ValueError(
                f"{path} lacks the frames {missing} of window {window.id}; it has "
                f"{', '.join(files.names[:5])}, ... Frames are known by the last "
                "number of their names"
            )
        return path, tuple(by_number[frame] for frame in window.frames)

    def answer(self, window: EvaluationWindow, size: Sequence[int]) -> WindowPrediction:
        """Depth and cameras of a window.

        Args:
            window: One of those that the folder was opened for.
            size: (H, W) of the views, which depth is brought to.

        Raises:
            ValueError: If a file is damaged, shows another view, or only some of its
                frames have cameras.
        """
        path, names = self.places[window.id]
        files = PredictedFiles(path)
        views = [_resized(files.read(name), size, path) for name in names]
        poses = [view.cam2world for view in views if view.cam2world is not None]
        Ks = [view.K for view in views if view.K is not None]
        for what, known in (("cam2world", poses), ("K", Ks)):
            if known and len(known) < len(views):
                raise ValueError(
                    f"{path}: {len(known)} of the {len(views)} frames of window "
                    f"{window.id} have `{what}`. Give it to all or to none"
                )
        return WindowPrediction(
            np.stack([view.depth for view in views]),
            invert_rigid(np.stack(poses)) if poses else None,
            np.stack(Ks) if Ks else None,
        )

    def hash(self) -> str:
        """SHA-256 of the files that are read."""
        digest = hashlib.sha256()
        for path in sorted({path for path, _ in self.places.values()}):
            files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
            for file in files:
                digest.update(f"{file.relative_to(self.folder)} ".encode())
                digest.update(file_hash(file).encode())
        return digest.hexdigest()


def frame_number(name: str) -> int | None:
    """The last number in the name of a frame."""
    numbers = re.findall(r"\d+", name)
    return int(numbers[-1]) if numbers else None


def _resized(view: PredictedView, size: Sequence[int], path: Path) -> PredictedView:
    """The view at another size of the same picture, depth of the nearest pixel."""
    import cv2

    (height, width), (h, w) = size, view.depth.shape
    if (h, w) == (height, width):
        return view
    if abs(h * width / (w * height) - 1) > ASPECT:
        raise ValueError(
            f"{path}: depth is {w}x{h}, the views of the evaluation are "
            f"{width}x{height}. Predict on the views themselves, at any size: "
            "docs/evaluating_runs.md shows how to write them"
        )
    depth = cv2.resize(
        view.depth, (width, height), interpolation=cv2.INTER_NEAREST_EXACT
    )
    K = None if view.K is None else scale_intrinsics(view.K, width / w, height / h)
    return view._replace(depth=depth, K=K)
