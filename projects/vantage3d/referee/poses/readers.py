"""Trajectories in the formats that people write, one reader per format.

A unit is a sequence: a text file or archive, or a folder with a COLMAP model. Poses are
camera to world, OpenCV axes. What tells which pose is of which frame is what the format
has: seconds, names of images, or the row.
"""

from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vantage3d.geometry import invert_rigid
from vantage3d.geometry.pose_encoding import decode_pose
from vantage3d.io.arrays import load_arrays
from vantage3d.io.colmap_files import read_images
from vantage3d.io.files import DAMAGED
from vantage3d.io.folders import matching
from vantage3d.io.text import read_table
from vantage3d.io.trajectories import read_trajectory
from vantage3d.referee.task import Reader

AGAIN = "Write it again as docs/evaluate.md says"
SECONDS, NAMES, ROWS = "seconds", "names", "rows"
ALONE = "sequence"  # name of a file that is given itself, whatever it is called
SIZE = (2, 2)  # of an image: poses do not depend on it


class Trajectory(NamedTuple):
    """Cameras of a sequence.

    Attributes:
        poses: (N, 4, 4) cam2world.
        kind: What tells frames apart: seconds, names or rows.
        keys: (N,) seconds, or names; rows have none.
    """

    poses: NDArray[np.float64]
    kind: str = ROWS
    keys: NDArray = np.zeros(0)


class _File(Reader[Trajectory]):
    """A file per sequence, known by its suffix and its contents."""

    suffix: ClassVar[str] = ".txt"

    def find(self, root: Path) -> dict[str, Path]:
        if root.is_file():
            return {ALONE: root} if self.is_own(root) else {}
        return {
            path.relative_to(root).with_suffix("").as_posix(): path
            for path in matching(root, f"**/*{self.suffix}")
            if self.is_own(path)
        }

    def is_own(self, path: Path) -> bool:
        """Whether the contents are of this format."""
        raise NotImplementedError


def columns(path: Path) -> int:
    """Numbers in the first row of a text file; 0 where there are none."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            words = line.replace(",", " ").split()
            if words and not words[0].startswith("#"):
                try:
                    return len([float(word) for word in words])
                except ValueError:
                    return 0
    return 0


class Tum(_File):
    """As TUM's RGB-D benchmark has them."""

    name = "tum"
    says = "SEQUENCE.txt with lines `seconds tx ty tz qx qy qz qw`, camera to world"

    def is_own(self, path: Path) -> bool:
        return path.suffix == ".txt" and columns(path) == 8

    def read(self, path: Path) -> Trajectory:
        times, poses = read_trajectory(path)
        return Trajectory(poses, SECONDS, times)

    def write(self, root: Path, name: str, data: Trajectory) -> None:
        times = data.keys if data.kind == SECONDS else np.arange(len(data.poses))
        turns = Rotation.from_matrix(data.poses[:, :3, :3]).as_quat()
        rows = np.column_stack([times.astype(float), data.poses[:, :3, 3], turns])
        root.mkdir(parents=True, exist_ok=True)
        np.savetxt(root / f"{name}.txt", rows, fmt="%.17g")


class Kitti(_File):
    """As KITTI's odometry benchmark has them."""

    name = "kitti"
    says = "SEQUENCE.txt with 12 numbers a line, the upper rows of camera to world"

    def is_own(self, path: Path) -> bool:
        return path.suffix == ".txt" and columns(path) == 12

    def read(self, path: Path) -> Trajectory:
        try:
            rows = np.array(read_table(path, 12), np.float64)
        except ValueError as error:
            raise ValueError(f"{path} is no trajectory: {error}") from error
        poses = np.tile(np.eye(4), (len(rows), 1, 1))
        poses[:, :3] = rows.reshape(-1, 3, 4)
        return Trajectory(poses)

    def write(self, root: Path, name: str, data: Trajectory) -> None:
        root.mkdir(parents=True, exist_ok=True)
        np.savetxt(root / f"{name}.txt", data.poses[:, :3].reshape(-1, 12), fmt="%.17g")


class Colmap(Reader[Trajectory]):
    """The images of a COLMAP model."""

    name = "colmap"
    says = "SEQUENCE/images.bin or images.txt of COLMAP, also below sparse/0"
    FILES: ClassVar = ("images.bin", "images.txt")

    def find(self, root: Path) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for path in (p for file in self.FILES for p in matching(root, f"**/{file}")):
            folder = path.parent
            while folder != root and (folder.name == "sparse" or folder.name.isdigit()):
                folder = folder.parent
            relative = folder.relative_to(root).as_posix()
            found.setdefault(folder.name if relative == "." else relative, path)
        return found

    def read(self, path: Path) -> Trajectory:
        try:
            images = read_images(path)
        except DAMAGED as error:
            raise ValueError(f"{path} is damaged ({error}). {AGAIN}") from error
        if not images:
            raise ValueError(f"{path} has no image. {AGAIN}")
        given = np.array([image.pose for image in images])
        world2cam = np.tile(np.eye(4), (len(images), 1, 1))
        turns = Rotation.from_quat(np.roll(given[:, :4], -1, axis=1))
        world2cam[:, :3, :3], world2cam[:, :3, 3] = turns.as_matrix(), given[:, 4:]
        names = np.array([image.name for image in images])
        return Trajectory(invert_rigid(world2cam), NAMES, names)

    def write(self, root: Path, name: str, data: Trajectory) -> None:
        names = data.keys if data.kind == NAMES else np.arange(len(data.poses))
        world2cam = invert_rigid(data.poses)
        turns = Rotation.from_matrix(world2cam[:, :3, :3]).as_quat()
        rows = np.column_stack([np.roll(turns, 1, axis=1), world2cam[:, :3, 3]])
        lines = [
            f"{i} {' '.join(repr(float(v)) for v in row)} 1 {image}\n\n"
            for i, (row, image) in enumerate(zip(rows, names), 1)
        ]
        (root / name).mkdir(parents=True, exist_ok=True)
        (root / name / "images.txt").write_text("".join(lines))


class _Npz(_File):
    """Archives, known by the names of their arrays."""

    suffix = ".npz"
    arrays: ClassVar[tuple[str, ...]]

    def is_own(self, path: Path) -> bool:
        if path.suffix != ".npz":
            return False
        stored = load_arrays(path, "poses", AGAIN)
        return any(
            name in stored and stored[name].ndim == self.dimensions
            for name in self.arrays
        )

    dimensions: ClassVar[int] = 3

    def read(self, path: Path) -> Trajectory:
        stored = load_arrays(path, "poses", AGAIN)
        name = next(name for name in self.arrays if name in stored)
        poses = self.poses(name, stored[name].astype(np.float64), path)
        names = stored.get("names")
        if names is None:
            return Trajectory(poses)
        return Trajectory(poses, NAMES, names.astype(str))

    def poses(self, name: str, array: NDArray, path: Path) -> NDArray[np.float64]:
        """(N, 4, 4) cam2world of what is stored."""
        raise NotImplementedError

    def stored(self, poses: NDArray[np.float64]) -> dict[str, NDArray]:
        """Arrays as they are stored."""
        raise NotImplementedError

    def write(self, root: Path, name: str, data: Trajectory) -> None:
        root.mkdir(parents=True, exist_ok=True)
        names = {"names": data.keys} if data.kind == NAMES else {}
        np.savez(root / f"{name}.npz", **self.stored(data.poses), **names)


class PosesNpz(_Npz):
    """Our own."""

    name = "npz"
    says = "SEQUENCE.npz with `cam2world` or `world2cam` (N, 4, 4), `names` if any"
    arrays = ("cam2world", "world2cam")

    def poses(self, name: str, array: NDArray, path: Path) -> NDArray[np.float64]:
        if array.ndim != 3 or array.shape[1:] not in ((3, 4), (4, 4)):
            raise ValueError(
                f"{path}: `{name}` must have shape (N, 4, 4) or (N, 3, 4), got "
                f"{array.shape}. {AGAIN}"
            )
        whole = np.tile(np.eye(4), (len(array), 1, 1))
        whole[:, : array.shape[1]] = array
        return whole if name == "cam2world" else invert_rigid(whole)

    def stored(self, poses: NDArray[np.float64]) -> dict[str, NDArray]:
        return {"cam2world": poses}


class VggtEncoding(_Npz):
    """What VGGT's camera head says."""

    name = "pose-enc"
    says = "SEQUENCE.npz with `pose_enc` (N, 9) of VGGT: world to camera, xyzw, fields"
    arrays = ("pose_enc",)
    dimensions = 2

    def poses(self, name: str, array: NDArray, path: Path) -> NDArray[np.float64]:
        if array.ndim != 2 or array.shape[1] != 9:
            raise ValueError(
                f"{path}: `pose_enc` must have shape (N, 9), got {array.shape}. {AGAIN}"
            )
        world2cam, _ = decode_pose(torch.from_numpy(array), SIZE)
        return invert_rigid(world2cam.numpy())

    def stored(self, poses: NDArray[np.float64]) -> dict[str, NDArray]:
        world2cam = invert_rigid(poses)
        turns = Rotation.from_matrix(world2cam[:, :3, :3]).as_quat()
        fields = np.ones((len(poses), 2))
        encoding = np.column_stack([world2cam[:, :3, 3], turns, fields])
        return {"pose_enc": encoding}


READERS = (PosesNpz, VggtEncoding, Tum, Kitti, Colmap)
