"""7-Scenes and 3DMatch: ``frame-NNNNNN.{color,depth,pose}.*`` in one folder."""

import re
from pathlib import Path

import numpy as np

from vantage3d.io.images import read_size
from vantage3d.io.matrices import read_pose
from vantage3d.recordings.files import (
    COLOR,
    DEPTH,
    by_kind,
    folders_where,
    last_number,
    mismatch,
)
from vantage3d.recordings.recording import (
    Camera,
    Look,
    RecordedFrame,
    Recording,
    kept,
)
from vantage3d.recordings.stray import nominal_camera

# Nominal intrinsics, where there is no camera-intrinsics.txt.
NOMINAL = Camera(np.array([[585.0, 0, 320], [0, 585, 240], [0, 0, 1]]), (640, 480))
INTRINSICS = "camera-intrinsics.txt"
SUFFIXES = {"color": COLOR, "depth": DEPTH, "pose": (".txt",)}
STEM = re.compile(r"(?P<frame>frame-\d+)\.(?P<kind>color|depth|pose)", re.I)
Files = dict[str, dict[str, Path]]  # by kind and name of the frame


class SevenScenes(Recording):
    """Sequences of numbered frames; depth in millimetres, poses camera to world.

    Where ``camera-intrinsics.txt`` is neither beside the frames nor above them, the
    nominal intrinsics of 7-Scenes are taken, of colour and depth alike.
    """

    layout = "sevenscenes"
    title = "7-Scenes"

    @classmethod
    def look(cls, root: Path) -> Look:
        folder = next(iter(folders_where(root, _holds_frames).values()), root)
        files = _files(folder)
        found = [f"frame-*.{kind}.*" for kind in SUFFIXES if files[kind]]
        beside = [f for f in (folder, folder.parent) if (f / INTRINSICS).is_file()]
        needed = ("color",) if beside else ("color", "pose")
        lacking = [f"frame-*.{kind}.*" for kind in needed if not files[kind]]
        return Look(cls.layout, tuple(found), tuple(lacking))

    def sequences(self) -> list[str]:
        return list(self.folders())

    def names(self, sequence: str) -> list[str]:
        names = {name for files in self.files(sequence).values() for name in files}
        return sorted(names, key=lambda name: (last_number(name), name))

    def number(self, sequence: str, name: str) -> int:
        return last_number(name)

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        files, folder = self.files(sequence), self.folders()[sequence]
        for kind, others in files.items():
            if name not in others and (others or kind == "color"):
                place = folder / f"frame-*.{kind}.*"
                raise FileNotFoundError(mismatch(place, name, others))
        color, depth = files["color"][name], files["depth"].get(name)
        of_color, of_depth = self.cameras(folder, color, depth)
        pose = read_pose(files["pose"][name]) if files["pose"] else None
        cameras = of_color, depth, of_depth, None
        return RecordedFrame(name, last_number(name), color, *cameras, pose)

    def cameras(
        self, folder: Path, color: Path, depth: Path | None
    ) -> tuple[Camera, Camera | None]:
        """Cameras of the colour image and of the depth map."""
        camera = self._camera(folder, read_size(color))
        if depth is None:
            return camera, None
        return camera, camera.resized(read_size(depth, "depth image"))

    @kept
    def folders(self) -> dict[str, Path]:
        """Folder of every sequence."""
        return folders_where(self.root, _holds_frames)

    @kept
    def files(self, sequence: str) -> Files:
        """Files of a sequence by kind and name of the frame."""
        return _files(self.folders()[sequence])

    def _camera(self, folder: Path, size: tuple[int, int]) -> Camera:
        for parent in (folder, folder.parent):
            if (path := parent / INTRINSICS).is_file():
                return self.camera(path, size)
        whose = "of 7-Scenes are taken, fx = fy = 585, cx = 320, cy = 240 at 640x480"
        return nominal_camera(self, folder, size, INTRINSICS, NOMINAL, whose)


def _files(folder: Path) -> Files:
    return by_kind(folder, STEM, SUFFIXES)


def _holds_frames(folder: Path) -> bool:
    return any(STEM.fullmatch(path.stem) for path in folder.glob("frame-*"))
