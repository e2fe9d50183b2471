"""Polycam (iPhone, iPad with LiDAR): the export called raw data."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from vantage3d.io.colmap import ColmapCamera
from vantage3d.io.files import decoding
from vantage3d.io.images import read_size
from vantage3d.io.matrices import check_rigid
from vantage3d.io.text import parse_json
from vantage3d.recordings.files import (
    COLOR,
    LOOKED,
    folders_below,
    mismatch,
    named,
)
from vantage3d.recordings.lens_recording import LensRecording
from vantage3d.recordings.recording import Look, Matrix, RecordedFrame, kept

FOLDER = "keyframes"
CORRECTED = "corrected_"
MICROSECONDS = 1e6


class Polycam(LensRecording):
    """Captures with ``keyframes/{images,cameras,depth}``, one folder each.

    As the repository PolyCam/polyform describes the format (state of 2023, and exports
    to 2026 that leave out ``timestamp``, or ``width`` and ``height`` of corrected
    cameras): files of a frame are called by its time in microseconds. A camera has
    ``fx fy cx cy`` in pixels of its image and three rows ``t_00`` to ``t_23``, camera
    to world, metres, ARKit's axes, which are OpenGL's. ``corrected_images`` (without
    distortion) and ``corrected_cameras`` (optimised poses) go before the others. Depth
    is in millimetres, 256x192, a guess beyond 5 m; ``confidence`` is not used.
    """

    layout = "polycam"
    title = "Polycam raw data"
    axes = "opengl"

    @classmethod
    def look(cls, root: Path) -> Look:
        for folder in islice(folders_below(root), LOOKED):
            frames = folder / FOLDER
            if frames.is_dir():
                parts = {"images": "cameras", "cameras": "images"}
                found = [part for part in parts if (frames / part).is_dir()]
                found += [c for p in parts if (frames / (c := CORRECTED + p)).is_dir()]
                lacking = [
                    f"{FOLDER}/{part}"
                    for part in parts
                    if not found or not any(part in name for name in found)
                ]
                names = tuple(f"{FOLDER}/{name}" for name in found)
                return Look(cls.layout, names or (FOLDER,), tuple(lacking))
        return Look(cls.layout, (), (f"{FOLDER}/images", f"{FOLDER}/cameras"))

    def sequences(self) -> list[str]:
        return list(self.folders())

    def names(self, sequence: str) -> list[str]:
        return list(self.files(sequence)["images"])

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        folder, files = self.folders()[sequence], self.files(sequence)
        for part in ("cameras", "depth"):
            if files[part] and name not in files[part]:
                raise FileNotFoundError(mismatch(folder / part, name, files[part]))
        color, number = files["images"][name], self.number(sequence, name)
        said = _content(files["cameras"][name])
        time = int(name) / MICROSECONDS if name.isdecimal() else None
        frame = RecordedFrame(
            name,
            number,
            color,
            depth=files["depth"].get(name),
            cam2world=_pose(said, name),
            timestamp=time,
        )
        return self.through(frame, _lens(said, color))

    @kept
    def folders(self) -> dict[str, Path]:
        """Folders ``keyframes`` by the names of their sequences."""
        found = {}
        for folder in folders_below(self.root):
            if (folder / FOLDER).is_dir():
                name = folder.relative_to(self.root).as_posix()
                own = self.root.resolve().name if name == "." else name
                found[own] = folder / FOLDER
        return found

    @kept
    def files(self, sequence: str) -> dict[str, dict[str, Path]]:
        """Images, cameras and depth maps, corrected where they are, by frame."""
        folder = self.folders()[sequence]
        raw, depth = named(folder / "images", COLOR), named(folder / "depth", (".png",))
        images = named(folder / f"{CORRECTED}images", COLOR)
        cameras = named(folder / f"{CORRECTED}cameras", (".json",))
        if images and cameras:
            if lost := len(raw.keys() - images.keys()):
                self.assumed(
                    f"{folder}: {lost} of {len(raw)} keyframes have no corrected image "
                    "and are left out"
                )
            return {"images": images, "cameras": cameras, "depth": depth}
        self.assumed(
            f"{folder} has no corrected_images and corrected_cameras: images with some "
            "distortion and poses that were not optimised are taken"
        )
        cameras = named(folder / "cameras", (".json",))
        return {"images": raw, "cameras": cameras, "depth": depth}


def _content(path: Path) -> dict[str, Any]:
    with decoding(str(path), "no camera of Polycam", "Export it again"):
        content = parse_json(path.read_bytes())
        return content | {key: float(content[key]) for key in ("fx", "fy", "cx", "cy")}


def _lens(said: Mapping[str, Any], color: Path) -> ColmapCamera:
    """The camera; its principal point is counted from the image's upper left corner."""
    size = read_size(color)
    size = int(said.get("width", size[0])), int(said.get("height", size[1]))
    return ColmapCamera(
        "PINHOLE", size, (said["fx"], said["fy"], said["cx"], said["cy"])
    )


def _pose(said: Mapping[str, Any], name: str) -> Matrix:
    pose = np.eye(4)
    with decoding(f"camera of {name}", "without a pose", "Export it again"):
        pose[:3] = [[said[f"t_{i}{j}"] for j in range(4)] for i in range(3)]
    check_rigid(pose, f"of the camera of {name}")
    return pose
