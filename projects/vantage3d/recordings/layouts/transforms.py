"""``transforms.json``, as nerfstudio, instant-ngp and the NeRF datasets write it."""

from collections.abc import Mapping
from itertools import islice
from math import pi, tan
from pathlib import Path
from typing import Any

import numpy as np

from vantage3d.checks import check_positive
from vantage3d.io.colmap import ColmapCamera
from vantage3d.io.files import decoding
from vantage3d.io.folders import matching, natural_order
from vantage3d.io.images import read_size
from vantage3d.io.matrices import check_rigid
from vantage3d.io.text import parse_json
from vantage3d.recordings.files import COLOR, LOOKED, folders_below, frame_names
from vantage3d.recordings.lens_recording import LensRecording
from vantage3d.recordings.recording import Look, Matrix, RecordedFrame, kept

STEM = "transforms"
DEPTH_KEYS = ("depth_file_path", "depth_path")  # of nerfstudio, of instant-ngp
FISHEYE = ("k1", "k2", "k3", "k4")
PERSPECTIVE = ("k1", "k2", "p1", "p2", "k3")
MODELS = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "PERSPECTIVE", "OPENCV_FISHEYE")


class Transforms(LensRecording):
    """Files ``transforms.json``, or ``transforms_train.json`` and the like.

    A camera stands at the top of the file or in a frame, which goes first: ``fl_x fl_y
    cx cy w h`` or ``camera_angle_x``, distortion ``k1 k2 p1 p2`` (``k1`` to ``k4`` of a
    fisheye). Pixels are counted from the outer corner of the first one. Poses are
    camera to world with OpenGL axes; ``applied_scale`` is undone, so that poses agree
    with depth. Depth is in millimetres, as nerfstudio takes it, unless the file has
    ``depth_unit_scale_factor`` or ``integer_depth_scale``, metres per unit.
    """

    layout = "transforms"
    title = "transforms.json (nerfstudio, instant-ngp)"
    axes = "opengl"

    @classmethod
    def look(cls, root: Path) -> Look:
        files = _files(root, LOOKED)
        found = tuple(path.name for path in files[:1])
        return Look(cls.layout, (*found, "its frames") if found else (), ())

    def sequences(self) -> list[str]:
        return list(self.files())

    def names(self, sequence: str) -> list[str]:
        return list(self.entries(sequence))

    def listed(self, sequence: str, name: str) -> RecordedFrame:
        entry, file = self.entries(sequence)[name], self.files()[sequence]
        where = f"frame {name} of {file}"
        color = _image(self.inside(file.parent, entry["file_path"], where))
        depths = [
            self.inside(file.parent, entry[key], where)
            for key in DEPTH_KEYS
            if key in entry
        ]
        frame = RecordedFrame(
            name,
            self.number(sequence, name),
            color,
            depth=depths[0] if depths else None,
            cam2world=_pose(entry, where),
        )
        return self.through(frame, lens_of(entry, read_size(color), where))

    @property
    def depth_scale(self) -> float:  # type: ignore[override]
        """Units of depth maps per metre.

        Raises:
            ValueError: If files of the recording say different ones.
        """
        files = self.files().items()
        units = {_depth_unit(self.content(name), path) for name, path in files}
        if len(units) > 1:
            raise ValueError(
                f"files of {self.root} have depth in units of {sorted(units)} metres: "
                "convert their folders one by one"
            )
        return 1 / units.pop()

    @kept
    def files(self) -> dict[str, Path]:
        """Files by the names of their sequences."""
        found = {}
        for path in _files(self.root):
            base = self.root if self.root.is_dir() else self.root.parent
            folder = path.parent.relative_to(base).as_posix()
            kind = path.stem.removeprefix(STEM).strip("_")
            parts = [part for part in (folder, kind) if part not in (".", "")]
            found["/".join(parts) or base.resolve().name] = path
        return found

    @kept
    def content(self, sequence: str) -> dict[str, Any]:
        """What the file says.

        Raises:
            ValueError: If it is no such file.
        """
        path = self.files()[sequence]
        what = "no list of frames with file_path"
        with decoding(str(path), what, "Export it again"):
            content = parse_json(path.read_bytes())
            frames = content["frames"]
            if not all(isinstance(f["file_path"], str) for f in frames):
                raise TypeError("file_path is no text")
        if masked := sum("mask_path" in frame for frame in frames):
            self.assumed(f"{path}: masks of {masked} frames (mask_path) are not used")
        return content

    @kept
    def entries(self, sequence: str) -> dict[str, dict[str, Any]]:
        """Frames by name, in natural order, with what is said for all of them."""
        content = self.content(sequence)
        shared = {key: value for key, value in content.items() if key != "frames"}
        frames = sorted(content["frames"], key=lambda f: natural_order(f["file_path"]))
        paths = [frame["file_path"].replace("\\", "/") for frame in frames]
        named = zip(frame_names(paths), frames, paths)
        return {n: shared | frame | {"file_path": path} for n, frame, path in named}


def lens_of(entry: Mapping[str, Any], size: tuple[int, int], name: str) -> ColmapCamera:
    """The camera of a frame.

    Args:
        entry: The frame, with what the file says for all.
        size: (W, H) of its image, taken where nothing says the camera's.
        name: Which frame of which file, for messages.

    Raises:
        ValueError: If it has no focal length, or a model that is not known.
    """
    with decoding(name, "without intrinsics", "Export it again"):
        width, height = int(entry.get("w", size[0])), int(entry.get("h", size[1]))
        for key in {"camera_angle_x", "camera_angle_y"} & entry.keys():
            if not 0 < entry[key] < pi:
                raise ValueError(f"{key} is {entry[key]}, expected radians below pi")
        focal = [
            float(entry[key]) if key in entry else side / 2 / tan(entry[angle] / 2)
            for key, angle, side in (
                ("fl_x", "camera_angle_x", width),
                ("fl_y", "camera_angle_y", height),
            )
            if key in entry or angle in entry
        ]
        center = float(entry.get("cx", width / 2)), float(entry.get("cy", height / 2))
        bent = {k: float(entry[k]) for k in {*FISHEYE, *PERSPECTIVE} if entry.get(k)}
    model = str(entry.get("camera_model", "OPENCV")).upper()
    fisheye = model == "OPENCV_FISHEYE" or bool(entry.get("is_fisheye"))
    known = FISHEYE if fisheye else PERSPECTIVE
    if not focal or model not in MODELS or bent.keys() - set(known):
        raise ValueError(
            f"{name} has camera_model {model}, {len(focal)} focal lengths and "
            f"distortion {bent}, expected one of {', '.join(MODELS)}, fl_x or "
            f"camera_angle_x, and of distortion {' '.join(known)}"
        )
    params = focal[0], focal[-1], *center, *(bent.get(key, 0.0) for key in known)
    if fisheye:
        return ColmapCamera("OPENCV_FISHEYE", (width, height), params)
    rest = (0.0, 0.0, 0.0)  # k4 to k6, which divide
    return ColmapCamera("FULL_OPENCV", (width, height), (*params, *rest))


def _depth_unit(content: Mapping[str, Any], path: Path) -> float:
    """Metres of a unit of depth."""
    keys = "depth_unit_scale_factor", "integer_depth_scale"
    key = next((key for key in keys if key in content), None)
    if key is None:
        return 1e-3
    with decoding(f"{key} of {path}", "no number", "Export it again"):
        check_positive(key, unit := float(content[key]))
    return unit


def _pose(entry: Mapping[str, Any], name: str) -> Matrix:
    with decoding(f"transform_matrix of {name}", "no pose", "Export it again"):
        rows = np.array(entry["transform_matrix"], np.float64)
        pose = np.vstack([rows, [0, 0, 0, 1]]) if rows.shape == (3, 4) else rows
        if pose.shape != (4, 4):
            raise ValueError(f"it is {rows.shape}, expected 4 x 4 or 3 x 4")
        pose[:3, 3] /= float(entry.get("applied_scale", 1.0))
    check_rigid(pose, f"transform_matrix of {name}")
    return pose


def _image(path: Path) -> Path:
    """The file itself, or the one of that name where the suffix was left out."""
    if path.is_file() or path.suffix.lower() in COLOR:
        return path
    files = (path.with_name(path.name + suffix) for suffix in COLOR)
    return next((file for file in files if file.is_file()), path)


def _files(root: Path, most: int | None = None) -> list[Path]:
    """Files at ``root`` or in folders below, of which at most ``most`` are searched."""
    if root.is_file():
        return [root] if root.suffix == ".json" and root.name.startswith(STEM) else []
    folders = islice(folders_below(root), most)
    return [path for folder in folders for path in matching(folder, f"{STEM}*.json")]
