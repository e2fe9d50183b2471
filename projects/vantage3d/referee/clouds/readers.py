"""Point clouds and meshes in the formats that people write, one reader per format."""

from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.arrays import load_arrays
from vantage3d.io.folders import matching
from vantage3d.io.ply import read_ply, write_ply
from vantage3d.io.text import read_table
from vantage3d.referee.task import Reader

ALONE = "scene"  # name of a file that is given itself, whatever it is called
AGAIN = "Write it again as docs/evaluate.md says"


class Surface(NamedTuple):
    """What was reconstructed.

    Attributes:
        points: (N, 3) metres; vertices where there are faces.
        faces: (F, 3) rows of ``points``; none of a cloud.
    """

    points: NDArray[np.float64]
    faces: NDArray[np.int64] = np.zeros((0, 3), np.int64)


class _File(Reader[Surface]):
    """A file per scene, known by its suffix."""

    suffix: ClassVar[str]

    def find(self, root: Path) -> dict[str, Path]:
        if root.is_file():
            return {ALONE: root} if root.suffix == self.suffix else {}
        return {
            path.relative_to(root).with_suffix("").as_posix(): path
            for path in matching(root, f"**/*{self.suffix}")
        }


class Ply(_File):
    """Points, or a mesh, as most programs write them."""

    name, suffix = "ply", ".ply"
    says = "SCENE.ply, points or triangles in metres"

    def read(self, path: Path) -> Surface:
        return Surface(*read_ply(path))

    def write(self, root: Path, name: str, data: Surface) -> None:
        root.mkdir(parents=True, exist_ok=True)
        write_ply(root / f"{name}.ply", data.points, {}, data.faces)


class Npz(_File):
    """Arrays of NumPy."""

    name, suffix = "npz", ".npz"
    says = "SCENE.npz with `points` (N, 3) metres, and `faces` (F, 3) if any"

    def read(self, path: Path) -> Surface:
        stored = load_arrays(path, "cloud", AGAIN)
        if "points" not in stored:
            raise ValueError(f"{path} has no array `points`. {AGAIN}")
        faces = stored.get("faces", np.zeros((0, 3), np.int64))
        return Surface(stored["points"].astype(np.float64), faces.astype(np.int64))

    def write(self, root: Path, name: str, data: Surface) -> None:
        root.mkdir(parents=True, exist_ok=True)
        np.savez(root / f"{name}.npz", points=data.points, faces=data.faces)


class Xyz(_File):
    """Text."""

    name, suffix = "xyz", ".xyz"
    says = "SCENE.xyz with lines that begin with x y z"

    def read(self, path: Path) -> Surface:
        try:
            rows = np.array([row[:3] for row in read_table(path, 3)], np.float64)
        except ValueError as error:
            raise ValueError(f"{path} is no cloud: {error}") from error
        return Surface(rows.reshape(-1, 3))

    def write(self, root: Path, name: str, data: Surface) -> None:
        root.mkdir(parents=True, exist_ok=True)
        np.savetxt(root / f"{name}.xyz", data.points, fmt="%.17g")


READERS = (Npz, Ply, Xyz)
