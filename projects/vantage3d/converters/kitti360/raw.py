"""KITTI-360's raw files: where they are, calibration and poses, and their chains.

Frames: ``cam`` is a rectified camera (OpenCV axes), ``imu`` what KITTI-360 calls pose
(x forward, y right, z down), ``velo`` the scanner, ``world`` the Mercator frame. The
calibration files hold *unrectified* cameras, so every chain contains ``R_rect``.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid
from vantage3d.io.files import existing
from vantage3d.io.folders import listing
from vantage3d.io.text import read_text, split_words
from vantage3d.recordings.files import named

LISTED = re.compile(r"data_2d_raw/([^/]+)/image_\d\d/data_rect/(\d+)\.png$")
Matrix = NDArray[np.float64]
CHAIN_TOLERANCE = 1e-3  # metres and rotation entries


@dataclass(frozen=True)
class Kitti360Layout:
    """Paths below the folder that holds ``data_2d_raw``.

    Attributes:
        root: That folder.
        camera: 0 left, 1 right.
    """

    root: Path
    camera: int = 0

    def image(self, sequence: str, frame: int) -> Path:
        """Rectified image."""
        name = f"data_rect/{frame:010d}.png"
        return self.root / "data_2d_raw" / sequence / self._camera / name

    def semantic(self, sequence: str, frame: int) -> Path:
        """Label image; absent for the test drives."""
        name = f"semantic/{frame:010d}.png"
        return self.root / "data_2d_semantics/train" / sequence / self._camera / name

    def sweep(self, sequence: str, frame: int) -> Path:
        """Sweep of the scanner."""
        folder = self.root / "data_3d_raw" / sequence / "velodyne_points/data"
        return folder / f"{frame:010d}.bin"

    def poses(self, sequence: str) -> Path:
        """IMU to world."""
        return self.root / "data_poses" / sequence / "poses.txt"

    def cam0_to_world(self, sequence: str) -> Path:
        """The same for the left camera."""
        return self.root / "data_poses" / sequence / "cam0_to_world.txt"

    @property
    def _camera(self) -> str:
        return f"image_{self.camera:02d}"

    def listed(self, split: str) -> dict[str, list[int]]:
        """Frames of a split by sequence, from the official list.

        Raises:
            FileNotFoundError: If there is no list for the split.
            ValueError: If a line names no image.
        """
        name = f"2013_05_28_drive_{split}_frames.txt"
        path = self.root / "data_2d_semantics/train" / name
        remedy = (
            "It comes with KITTI-360's 2D semantics (archive data_2d_semantics); "
            "without labels name drives with --sequences."
        )
        text = read_text(existing(path, "frame list", remedy))
        found: dict[str, set[int]] = {}
        for number, line in enumerate(text.splitlines(), 1):
            words = line.split()
            if not words:
                continue
            match = LISTED.search(words[0])
            if not match:
                raise ValueError(
                    f"{path}, line {number}: expected an image below data_2d_raw, got "
                    f"{words[0]!r}. Download the list again."
                )
            found.setdefault(match[1], set()).add(int(match[2]))
        return {sequence: sorted(frames) for sequence, frames in found.items()}

    def sequences(self) -> list[str]:
        """Drives that are on disk."""
        return [path.name for path in listing(self.root / "data_2d_raw")]

    def recorded(self, sequence: str) -> list[int]:
        """Frames of a sequence that have an image.

        Raises:
            FileNotFoundError: If the sequence is not there, naming those that are.
            ValueError: If two images have one number, or one has none.
        """
        folder = self.image(sequence, 0).parent
        if not folder.is_dir():
            names = self.sequences()
            raise FileNotFoundError(
                f"sequence {sequence!r} has no folder {folder}. Sequences there: "
                f"{', '.join(names) or 'none'}."
            )
        images = named(folder, (".png",))
        if odd := [path for name, path in images.items() if not name.isdecimal()]:
            raise ValueError(f"image {odd[0]} is called by no number. Remove it")
        return sorted(map(int, images))


@dataclass(frozen=True)
class Calibration:
    """The perspective cameras and the scanner of one car.

    Attributes:
        K: (3, 3) intrinsics per camera, of the rectified images.
        size: (W, H) per camera.
        cam2imu: (4, 4) per camera, rectified.
        velo2imu: (4, 4).
    """

    K: Mapping[int, Matrix]
    size: Mapping[int, tuple[int, int]]
    cam2imu: Mapping[int, Matrix]
    velo2imu: Matrix

    def velo2cam(self, camera: int) -> Matrix:
        """(4, 4) scanner to rectified camera, both at the same moment."""
        return invert_rigid(self.cam2imu[camera]) @ self.velo2imu


def read_calibration(folder: str | Path) -> Calibration:
    """Read ``perspective.txt``, ``calib_cam_to_pose.txt``, ``calib_cam_to_velo.txt``.

    Raises:
        FileNotFoundError: If one of them is missing.
        ValueError: If an entry is missing or has another number of values.
    """
    folder = Path(folder)
    perspective = _read_named(folder / "perspective.txt")
    cam_to_pose = _read_named(folder / "calib_cam_to_pose.txt")
    path = folder / "calib_cam_to_velo.txt"
    cam_to_velo = _square(_numbers(path, "the matrix", split_words(_text(path)), 12))
    K, size, cam2imu = {}, {}, {}
    for camera in (0, 1):
        name = f"{camera:02d}"
        path = folder / "perspective.txt"
        P = _entry(path, perspective, f"P_rect_{name}", 12).reshape(3, 4)
        width, height = _entry(path, perspective, f"S_rect_{name}", 2)
        rectify = np.eye(4)
        R = _entry(path, perspective, f"R_rect_{name}", 9).reshape(3, 3)
        rectify[:3, :3] = _rotation(path, f"R_rect_{name}", R)
        path = folder / "calib_cam_to_pose.txt"
        raw2imu = _square(_entry(path, cam_to_pose, f"image_{name}", 12))
        K[camera], size[camera] = P[:, :3].copy(), (int(width), int(height))
        cam2imu[camera] = raw2imu @ invert_rigid(rectify)
    raw0 = _square(_entry(path, cam_to_pose, "image_00", 12))
    return Calibration(K, size, cam2imu, raw0 @ invert_rigid(cam_to_velo))


def read_poses(path: str | Path, columns: int = 13) -> dict[int, Matrix]:
    """(4, 4) float64 matrix per frame of a pose file.

    Args:
        path: ``poses.txt`` (imu to world) or ``cam0_to_world.txt``.
        columns: Values per line, the frame number included: 13 or 17.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If a line has another number of values, or is no number.
    """
    path, poses = Path(path), {}
    for number, line in enumerate(_text(path).splitlines(), 1):
        words = split_words(line)
        if words:
            frame, *values = _numbers(path, f"line {number}", words, columns)
            if not frame.is_integer() or frame in poses:
                raise ValueError(
                    f"{path}, line {number} is of frame {frame:g}, expected a number "
                    "that no other line has. Download it again."
                )
            poses[int(frame)] = _square(np.array(values))
    if not poses:
        raise ValueError(f"{path} lists no pose. Download it again.")
    return poses


def check_chain(
    calibration: Calibration, imu2world: Mapping[int, Matrix], cam0_to_world: Path
) -> float:
    """Compare poses and calibration with the file that KITTI-360 derived from them.

    Returns:
        Largest difference of a matrix entry.

    Raises:
        ValueError: If it exceeds a millimetre, naming the frame.
    """
    worst, at = 0.0, -1
    for frame, expected in read_poses(cam0_to_world, 17).items():
        if frame in imu2world:
            found = imu2world[frame] @ calibration.cam2imu[0]
            off = float(np.abs(found - expected).max())
            worst, at = max((worst, at), (off, frame))
    if worst > CHAIN_TOLERANCE:
        raise ValueError(
            f"{cam0_to_world}: frame {at} differs by {worst:.3g} from poses.txt x "
            "cam_to_pose x inverse(R_rect). Calibration and poses are of different "
            "releases; download both again."
        )
    return worst


def _text(path: Path) -> str:
    remedy = "docs/data_formats.md says what to download and where to put it."
    return read_text(existing(path, "file of KITTI-360", remedy))


def _read_named(path: Path) -> dict[str, list[str]]:
    """Words behind each ``name:``; names may hold no colon, values may."""
    found = {}
    for line in _text(path).splitlines():
        name, colon, rest = line.partition(":")
        if colon and name.strip() in found:
            raise ValueError(f"{path} has two lines {name.strip()!r}. Remove one")
        if colon:
            found[name.strip()] = split_words(rest)
    return found


def _entry(path: Path, found: Mapping[str, list[str]], name: str, size: int) -> Matrix:
    if name not in found:
        raise ValueError(
            f"{path} has no entry {name!r}, only {sorted(found)}. Download the "
            "calibration again."
        )
    return _numbers(path, name, found[name], size)


def _numbers(path: Path, name: str, words: list[str], size: int) -> Matrix:
    try:
        values = np.array([float(word) for word in words])
    except ValueError as error:
        raise ValueError(f"{path}, {name}: {error}. Download it again.") from error
    if len(values) != size or not np.isfinite(values).all():
        raise ValueError(
            f"{path}, {name}: expected {size} finite values, got {len(values)}: "
            f"{' '.join(words)[:80]}. Download it again."
        )
    return values


def _square(values: Matrix) -> Matrix:
    """(4, 4) from 12 or 16 values."""
    matrix = np.eye(4)
    matrix[: len(values) // 4] = values.reshape(-1, 4)
    return matrix


def _rotation(path: Path, name: str, matrix: Matrix) -> Matrix:
    """The rotation next to a matrix that was printed with six digits."""
    left, scale, right = np.linalg.svd(matrix)
    if np.abs(scale - 1).max() > 1e-3 or np.linalg.det(matrix) < 0:
        raise ValueError(
            f"{path}, {name}: expected a rotation, got singular values "
            f"{scale.round(4).tolist()}. Download it again."
        )
    return left @ right
