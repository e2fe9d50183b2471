"""Record3D (iPhone, iPad): unpacked ``.r3d`` files and EXR + JPG sequences."""

from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.transform import Rotation

from vantage3d.io.colmap import ColmapCamera
from vantage3d.io.files import decoding
from vantage3d.io.folders import listing
from vantage3d.io.text import parse_json
from vantage3d.recordings.files import COLOR, LOOKED, folders_below, mismatch, named
from vantage3d.recordings.lens_recording import LensRecording
from vantage3d.recordings.recording import Look, Matrix, RecordedFrame, kept

NO_TURN = 1e-9
EACH = "perFrameIntrinsicCoeffs"


class Export(NamedTuple):
    """Names inside an export: its text file, folders of images and depth, suffix."""

    metadata: str
    color: str
    depth: str
    suffix: str


EXPORTS = (
    Export("metadata", "rgbd", "rgbd", ".depth"),  # .r3d, which is a zip archive
    Export("metadata.json", "rgb", "depth", ".exr"),
)


class Record3D(LensRecording):
    """Exports of Record3D 1.6 and newer, in their form of 2024, one folder each.

    ``metadata`` has, as its author describes it in the repository marek-simonik/
    record3d (issues 18, 27, 33, 36, 83, 93): ``w h`` of the colour images; ``K``, nine
    numbers column by column, of the first frame, and ``perFrameIntrinsicCoeffs`` (fx fy
    cx cy) in newer files, in pixels of colour from its upper left corner; ``poses`` of
    ``qx qy qz qw x y z``, camera to world, metres, OpenGL axes; ``frameTimestamps`` or
    ``fps``. Depth is in metres and registered to colour, 192x256 from the LiDAR. The
    front camera has no poses; its export has the same one for all frames.
    """

    layout = "record3d"
    title = "Record3D export"
    axes = "opengl"
    depth_scale = 1.0

    @classmethod
    def look(cls, root: Path) -> Look:
        packed = [root] if root.suffix == ".r3d" else []
        packed += [p for p in listing(root) if p.suffix == ".r3d"]
        folders = list(islice(folders_below(root), LOOKED))
        for folder in folders:
            if export := _export(folder):
                found = export.metadata, f"{export.color}/"
                return Look(cls.layout, found, ())
        if packed:
            name = packed[0].name
            lacking = f"its content unpacked (unzip {name} -d {packed[0].stem})"
            return Look(cls.layout, (name,), (lacking,))
        return Look(cls.layout, (), ("metadata", "rgbd/ or rgb/"))

    def sequences(self) -> list[str]:
        return list(self.folders())

    def names(self, sequence: str) -> list[str]:
        return list(self.images(sequence))

    def number(self, sequence: str, name: str) -> int:
        return int(name)

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        folder, export = self.folders()[sequence]
        color, number = self.images(sequence)[name], int(name)
        depths = self.depths(sequence)
        if name not in depths and (folder / export.depth).is_dir():
            raise FileNotFoundError(mismatch(folder / export.depth, name, depths))
        meta, poses = self.content(sequence), self.poses_of(sequence)
        if number >= len(poses):
            raise ValueError(
                f"{folder / export.metadata} has {len(poses)} poses and there is an "
                f"image {color.name}. Export it again"
            )
        frame = RecordedFrame(
            name,
            number,
            color,
            depth=depths.get(name),
            cam2world=poses[number],
            timestamp=_time(meta, number),
        )
        return self.through(frame, _lens(meta, number))

    @kept
    def folders(self) -> dict[str, tuple[Path, Export]]:
        """Exports by the names of their sequences."""
        found = {}
        for folder in folders_below(self.root):
            if export := _export(folder):
                name = folder.relative_to(self.root).as_posix()
                found[self.root.resolve().name if name == "." else name] = (
                    *(folder, export),
                )
        return found

    @kept
    def images(self, sequence: str) -> dict[str, Path]:
        """Colour images by their number."""
        folder, export = self.folders()[sequence]
        images = named(folder / export.color, COLOR)
        return {name: path for name, path in images.items() if name.isdecimal()}

    @kept
    def depths(self, sequence: str) -> dict[str, Path]:
        """Depth maps by their number; none where the export has no folder of them."""
        folder, export = self.folders()[sequence]
        return named(folder / export.depth, (export.suffix,))

    @kept
    def content(self, sequence: str) -> dict[str, Any]:
        """What the text file says.

        Raises:
            ValueError: If it is damaged, or of another app.
        """
        folder, export = self.folders()[sequence]
        path = folder / export.metadata
        with decoding(str(path), "no JSON object", "Export it again"):
            content = parse_json(path.read_bytes())
            lacking = {"w", "h", "K", "poses"} - content.keys()
        if lacking:
            raise ValueError(
                f"{path} lacks {', '.join(sorted(lacking))}. Record3D 1.6 and newer "
                "write them: export it again"
            )
        return content

    @kept
    def poses_of(self, sequence: str) -> list[Matrix | None]:
        """(4, 4) pose of every frame; None for all where the camera was not tracked."""
        folder, rows = self.folders()[sequence][0], self.content(sequence)["poses"]
        what = "no rows of qx qy qz qw x y z"
        with decoding(f"list of poses in {folder}", what, "Export it again"):
            table = np.array(rows, np.float64).reshape(-1, 7)
            turns = Rotation.from_quat(table[:, :4]).as_matrix()
        if len(table) > 1 and np.ptp(table, axis=0).max() < NO_TURN:
            self.assumed(f"{folder}: all poses are equal, as of the front camera: none")
            return [None] * len(table)
        poses = np.tile(np.eye(4), (len(table), 1, 1))
        poses[:, :3, :3], poses[:, :3, 3] = turns, table[:, 4:]
        return list(poses)


def _export(folder: Path) -> Export | None:
    """The form of the export in a folder; None if there is none."""
    for export in EXPORTS:
        if (folder / export.metadata).is_file() and (folder / export.color).is_dir():
            return export
    return None


def _lens(meta: dict[str, Any], number: int) -> ColmapCamera:
    """The camera of a frame, in pixels of colour."""
    with decoding(f"list of intrinsics, frame {number},", "damaged", "Export it again"):
        size, each = (int(meta["w"]), int(meta["h"])), meta.get(EACH) or []
        if number < len(each):
            fx, fy, cx, cy = map(float, each[number][:4])
        else:
            fx, _, _, _, fy, _, cx, cy, _ = map(float, meta["K"])
        return ColmapCamera("PINHOLE", size, (fx, fy, cx, cy))


def _time(meta: dict[str, Any], number: int) -> float | None:
    """Seconds from the beginning; None where nothing says them."""
    stamps = meta.get("frameTimestamps") or []
    if number < len(stamps):
        return float(stamps[number])
    return number / float(meta["fps"]) if meta.get("fps") else None
