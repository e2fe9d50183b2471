"""Predictions of any network: ``.npz`` files with depth and, usually, cameras."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import scale_intrinsics
from vantage3d.io.folders import folders_in, natural_order
from vantage3d.io.prediction_files import FRAMES, PredictedFiles, prediction_files
from vantage3d.recordings.recording import (
    Camera,
    Look,
    RecordedFrame,
    Recording,
    kept,
)

PREPARED = {"train", "val", "test"}  # frame indexes, which are .npz files too


class Predictions(Recording):
    """What ``tools/predict.py`` wrote, or another network's files of that kind.

    A sequence is a folder of files, one file of all frames, or a folder with
    ``frames/``. Depth is in the unit that the network gave it, colour has to be in the
    files (:mod:`vantage3d.io.prediction_files` lists their arrays).
    """

    layout = "predictions"
    title = "predictions of a network (.npz)"
    depth_scale = 1.0
    packed = True

    @classmethod
    def look(cls, root: Path) -> Look:
        found = tuple(f"{name}/" for name in list(_folders(root))[:3])
        return Look(cls.layout, found, () if found else (".npz files with `depth`",))

    def sequences(self) -> list[str]:
        return list(self.folders())

    def names(self, sequence: str) -> list[str]:
        return list(self.files(sequence).names)

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        files = self.files(sequence)
        view, file = files.read(name), files.file(name)
        if view.color is None:
            raise ValueError(
                f"{file} has no colour. Give the images as SOURCE and this folder with "
                "--depth-from"
            )
        if view.K is None:
            raise ValueError(f"{file} has no intrinsics: no point has a place")
        if not view.metric:
            self.assumed(f"{file.parent}: lengths are in the unit of the network")
        (h, w), (H, W) = view.depth.shape, view.color.shape[:2]
        of_depth = Camera(view.K, (w, h))
        of_color = Camera(scale_intrinsics(view.K, W / w, H / h), (W, H))
        place, pose = files.names.index(name), view.cam2world
        cameras = file, of_color, file, of_depth
        return RecordedFrame(name, place, *cameras, cam2world=pose)

    def read_color(self, frame: RecordedFrame) -> NDArray[np.uint8]:
        color = PredictedFiles(frame.color).read(frame.name).color
        assert color is not None  # else it was not listed
        return color

    def read_depth(self, frame: RecordedFrame) -> NDArray[np.float32]:
        depth = PredictedFiles(frame.color).read(frame.name).depth
        return depth / np.float32(self.remedies.depth_scale or self.depth_scale)

    @kept
    def files(self, sequence: str) -> PredictedFiles:
        """Files of a sequence."""
        return PredictedFiles(self.folders()[sequence])

    @kept
    def folders(self) -> dict[str, Path]:
        """Where the files of every sequence are."""
        return _folders(self.root)


def _folders(root: Path) -> dict[str, Path]:
    """Files of every sequence below ``root``, by its name."""
    if root.is_file():
        return {root.stem: root} if prediction_files(root) else {}
    for folder in (root, root / FRAMES):
        files = prediction_files(folder)
        if files and not PREPARED & {file.stem for file in files}:
            return {root.resolve().name: folder}
    scenes = sorted(folders_in(root), key=lambda path: natural_order(path.name))
    return {p.name: p / FRAMES for p in scenes if prediction_files(p / FRAMES)}
