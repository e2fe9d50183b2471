"""Depth and cameras that a network predicted, in ``.npz`` files: ours or another's.

A folder holds one file per frame, or one file of all frames whose arrays have a leading
dimension V. Arrays are known by these names, those of this project first:

===========  =======================  ==================================================
what         names                    meaning
===========  =======================  ==================================================
depth        depth, depth_z           (h, w) z-depth; a last dimension of 1 is dropped
K            K, intrinsics,           (3, 3), in pixels of the colour in the file, of
             intrinsic                depth where there is none
cam2world    cam2world, camera_poses  (3 or 4, 4), OpenCV axes
world2cam    world2cam, extrinsics,   (3 or 4, 4), OpenCV axes
             extrinsic
confidence   confidence, conf,        (h, w), higher is surer
             depth_conf
color        color, images, image     (H, W, 3) uint8, or (3, H, W) in 0..1
names        names                    V names, of a file of all frames
metric       metric                   whether lengths are metres; they are where
                                      nothing is said
===========  =======================  ==================================================
"""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid, scale_intrinsics
from vantage3d.io.arrays import load_arrays
from vantage3d.io.folders import listing
from vantage3d.io.names import public_name

FRAMES = "frames"  # folder of a scene's files in what ``predict`` writes
KEYS = {
    "depth": ("depth", "depth_z"),
    "K": ("K", "intrinsics", "intrinsic"),
    "cam2world": ("cam2world", "camera_poses"),
    "world2cam": ("world2cam", "extrinsics", "extrinsic"),
    "confidence": ("confidence", "conf", "depth_conf"),
    "color": ("color", "images", "image"),
    "names": ("names",),
    "metric": ("metric",),
}
SHAPES = {"depth": 2, "K": 2, "cam2world": 2, "world2cam": 2, "confidence": 2}
_REMEDY = "Predict it again, or name its arrays as docs/predict.md lists them"
Matrix = NDArray[np.float64]


class PredictedView(NamedTuple):
    """One frame of a file.

    Attributes:
        depth: (h, w) float32, 0 where it is missing, in the file's unit.
        K: (3, 3) in pixels of ``depth``; None where the file has none.
        cam2world: (4, 4); None where the file has none.
        confidence: (h, w) float32; None without.
        color: (H, W, 3) uint8; None without.
        metric: Whether lengths are metres.
    """

    depth: NDArray[np.float32]
    K: Matrix | None
    cam2world: Matrix | None
    confidence: NDArray[np.float32] | None
    color: NDArray[np.uint8] | None
    metric: bool


class PredictedFiles:
    """The frames of a folder, by name, or of one file.

    Args:
        path: A folder of ``.npz`` files, or one file.

    Attributes:
        names: Of the frames, in order.
        stacked: Whether one file holds all frames.
        named: Whether that file names them; they are numbered if not.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a single file is damaged.
    """

    def __init__(self, path: Path) -> None:
        files = prediction_files(path)
        if not files:
            raise FileNotFoundError(
                f"{path} has no .npz file with an array `depth`. {_REMEDY}"
            )
        self.path, self.stacked, self.named = path, False, True
        self._files = {public_name(file.stem): file for file in files}
        self.names = tuple(self._files)
        if len(files) == 1:
            arrays = _read(files[0])
            self.stacked = arrays["depth"].ndim > 2
            if self.stacked:
                count, self.named = len(arrays["depth"]), "names" in arrays
                given = arrays.get("names", [f"{place:06d}" for place in range(count)])
                self.names = tuple(public_name(str(name)) for name in given)

    def file(self, name: str) -> Path:
        """Where a frame is."""
        return next(iter(self._files.values())) if self.stacked else self._files[name]

    def read(self, name: str) -> PredictedView:
        """A frame.

        Raises:
            KeyError: If there is none of that name.
            ValueError: If its file is damaged, or an array has an impossible shape.
        """
        place = self.names.index(name) if self.stacked else None
        file = self.file(name)
        arrays = _read(file)
        if place is not None:
            arrays = {k: v[place] if v.ndim else v for k, v in arrays.items()}
        for key, ndim in SHAPES.items():
            if key in arrays and arrays[key].ndim != ndim:
                raise ValueError(
                    f"{file}: `{key}` of frame {name} must have {ndim} dimensions, got "
                    f"the shape {arrays[key].shape}. {_REMEDY}"
                )
        return _view(arrays, file)


def prediction_files(path: Path) -> list[Path]:
    """``.npz`` files with depth: ``path`` itself, or those right in it.

    One file of a folder tells for all.
    """
    files = [path] if path.is_file() else listing(path)
    files = [file for file in files if file.suffix == ".npz"]
    return files if files and _has_depth(files[0]) else []


def _has_depth(file: Path) -> bool:
    try:
        with ZipFile(file) as store:
            names = {name.removesuffix(".npy") for name in store.namelist()}
    except (BadZipFile, OSError):
        return False
    return not names.isdisjoint(KEYS["depth"])


@lru_cache(maxsize=1)
def _loaded(file: Path, changed: int) -> dict[str, NDArray]:
    """Arrays by our names; a last dimension of 1 of maps is dropped."""
    stored = load_arrays(file, "prediction", _REMEDY)
    found = {
        key: stored[name]
        for key, names in KEYS.items()
        for name in names[::-1]
        if name in stored
    }
    for key in ("depth", "confidence"):
        if key in found and found[key].ndim > 2 and found[key].shape[-1] == 1:
            found[key] = found[key][..., 0]
    return found


def _read(file: Path) -> dict[str, NDArray]:
    arrays = _loaded(file, file.stat().st_mtime_ns)
    if "depth" not in arrays:
        raise ValueError(f"{file} has no array `depth`. {_REMEDY}")
    return arrays


def _view(arrays: dict[str, NDArray], file: Path) -> PredictedView:
    depth = np.nan_to_num(arrays["depth"], posinf=0.0, neginf=0.0).clip(0)
    color, (h, w) = arrays.get("color"), depth.shape
    if color is not None:
        color = _bytes(color, file)
    K = arrays.get("K")
    if K is not None:
        H, W = (h, w) if color is None else color.shape[:2]
        K = scale_intrinsics(K.astype(np.float64), w / W, h / H)
    pose = arrays.get("cam2world")
    if pose is not None:
        pose = _homogeneous(pose, "cam2world", file)
    elif "world2cam" in arrays:
        pose = invert_rigid(_homogeneous(arrays["world2cam"], "world2cam", file))
    confidence = arrays.get("confidence")
    return PredictedView(
        depth.astype(np.float32),
        K,
        pose,
        None if confidence is None else confidence.astype(np.float32),
        color,
        bool(arrays.get("metric", True)),
    )


def _homogeneous(matrix: NDArray, what: str, file: Path) -> Matrix:
    if matrix.shape not in ((3, 4), (4, 4)):
        raise ValueError(
            f"{file}: `{what}` must have shape (4, 4) or (3, 4), got {matrix.shape}. "
            f"{_REMEDY}"
        )
    whole = np.eye(4)
    whole[: len(matrix)] = matrix
    return whole


def _bytes(color: NDArray, file: Path) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 of colours as networks keep them."""
    if color.ndim == 3 and color.shape[0] == 3 != color.shape[2]:
        color = color.transpose(1, 2, 0)
    if color.ndim != 3 or color.shape[2] != 3:
        raise ValueError(
            f"{file}: colour must have shape (H, W, 3) or (3, H, W), got "
            f"{color.shape}. {_REMEDY}"
        )
    if color.dtype == np.uint8:
        return np.ascontiguousarray(color)
    if color.min() < 0 or color.max() > 1:
        raise ValueError(
            f"{file}: colour of {color.dtype} must lie in 0..1, got "
            f"{color.min():g}..{color.max():g}. {_REMEDY}"
        )
    return np.round(255 * color).astype(np.uint8)
