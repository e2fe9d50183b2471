"""Replica as rendered for SLAM: ``traj.txt`` and ``results/{frame,depth}NNNNNN.*``."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vantage3d.geometry.grids import ASPECT_TOLERANCE
from vantage3d.io.files import decoding
from vantage3d.io.images import read_size
from vantage3d.io.matrices import check_rigid
from vantage3d.io.text import parse_json
from vantage3d.io.trajectories import read_matrices
from vantage3d.recordings.files import COLOR, DEPTH, by_kind, folders_with, mismatch
from vantage3d.recordings.recording import (
    Camera,
    Look,
    Matrix,
    RecordedFrame,
    Recording,
    kept,
)

PARAMETERS = "cam_params.json"
STEM = re.compile(r"(?P<kind>frame|depth)(?P<frame>\d+)", re.I)
SUFFIXES = {"frame": COLOR, "depth": DEPTH}
KEYS = ("fx", "fy", "cx", "cy", "w", "h", "scale")


class Scene(NamedTuple):
    """The files of a scene.

    Attributes:
        colors: Images by number.
        depths: Depth maps by number.
        poses: (N, 4, 4) camera to world, by number.
        camera: That of all images.
        scale: Units of depth maps per metre.
    """

    colors: dict[str, Path]
    depths: dict[str, Path]
    poses: Matrix
    camera: Camera
    scale: float


class Replica(Recording):
    """Scenes with one row of 16 numbers per frame: camera to world, OpenCV axes.

    ``cam_params.json``, beside ``traj.txt`` or above, has the camera and the units of
    depth maps per metre (6553.5).
    """

    layout = "replica"
    title = "Replica"

    @classmethod
    def look(cls, root: Path) -> Look:
        folder = next(iter(folders_with(root, "traj.txt").values()), root)
        found = [part for part in ("traj.txt", "results") if (folder / part).exists()]
        lacking = [part for part in ("traj.txt", "results") if part not in found]
        if (path := _parameters(folder)).is_file():
            found.append(path.name)
        else:
            lacking.append(path.name)
        own = found if {*found} - {"results"} else []  # a folder of results is anyone's
        return Look(cls.layout, tuple(own), tuple(lacking))

    @property
    def depth_scale(self) -> float:  # type: ignore[override]
        """Units of the depth maps of all scenes per metre."""
        scales = {self.scene(sequence).scale for sequence in self.sequences()}
        if len(scales) > 1:
            raise ValueError(
                f"scenes of {self.root} have other units of depth: {sorted(scales)} "
                f"per metre in their {PARAMETERS}. Read them one by one"
            )
        return scales.pop()

    def sequences(self) -> list[str]:
        return list(self.folders())

    def names(self, sequence: str) -> list[str]:
        return list(self.scene(sequence).colors)

    def number(self, sequence: str, name: str) -> int:
        return int(name)

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        scene, number = self.scene(sequence), int(name)
        color, depth = scene.colors[name], scene.depths.get(name)
        if scene.depths and depth is None:
            place = color.with_name("depth*")
            raise FileNotFoundError(mismatch(place, name, scene.depths))
        pose = scene.poses[number]
        check_rigid(pose, f"of row {number + 1} of {self.folders()[sequence]}/traj.txt")
        of_color = _of_size(scene.camera, read_size(color), color)
        of_depth = None
        if depth is not None:
            size = read_size(depth, "depth image")
            of_depth = _of_size(scene.camera, size, depth)
        return RecordedFrame(name, number, color, of_color, depth, of_depth, None, pose)

    @kept
    def folders(self) -> dict[str, Path]:
        """Folder of every scene."""
        return folders_with(self.root, "traj.txt", "results")

    @kept
    def scene(self, sequence: str) -> Scene:
        """The files of a scene.

        Raises:
            FileNotFoundError: If one of the whole scene is missing.
            ValueError: If they do not belong together.
        """
        folder = self.folders()[sequence]
        files = by_kind(folder / "results", STEM, SUFFIXES)
        numbers, poses = [*map(int, files["frame"])], read_matrices(folder / "traj.txt")
        if not numbers or numbers[-1] >= len(poses):
            raise ValueError(
                f"{folder / 'traj.txt'} has {len(poses)} rows and results/ "
                f"{len(numbers)} images up to {numbers[-1] if numbers else 'none'}, "
                "expected a row for each number from 0 on. Take both as they were "
                "written"
            )
        if len(numbers) < len(poses) and numbers == [*range(len(numbers))]:
            self.assumed(
                f"{folder / 'traj.txt'} has {len(poses)} rows and results/ only the "
                f"first {len(numbers)} images: image n is taken to have row n + 1. "
                "This is wrong where images were left out and numbered anew"
            )
        return Scene(files["frame"], files["depth"], poses, *self._camera(folder))

    def _camera(self, folder: Path) -> tuple[Camera, float]:
        path = _parameters(folder)
        with decoding(f"camera file {path}", "of another kind", "Write it again"):
            content = parse_json(path.read_bytes())
            content = content.get("camera", content)
            fx, fy, cx, cy, w, h, scale = (float(content[key]) for key in KEYS)
        K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
        return self.camera_of(K, (int(w), int(h)), str(path)), scale


def _parameters(folder: Path) -> Path:
    """The file with the camera: beside ``traj.txt`` or above."""
    above = folder.resolve().parent / PARAMETERS
    return above if above.is_file() else folder / PARAMETERS


def _of_size(camera: Camera, size: tuple[int, int], path: Path) -> Camera:
    (width, height), (w, h) = camera.size, size
    if abs(w * height / (h * width) - 1) > ASPECT_TOLERANCE:
        raise ValueError(
            f"{path} is {w}x{h}, and {PARAMETERS} is for images of {width}x{height}. "
            "Write the intrinsics of these images"
        )
    return camera.resized(size)
