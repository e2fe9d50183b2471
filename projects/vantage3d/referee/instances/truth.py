"""True instances in the formats that people have, one reader per format."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.arrays import load_arrays
from vantage3d.io.folders import listing
from vantage3d.io.infos import load_info, save_info
from vantage3d.io.paths import inside
from vantage3d.io.points import read_labels, read_points, write_rows
from vantage3d.referee.instances.data import TrueInstances
from vantage3d.referee.instances.predictions import names_of, write_numbers
from vantage3d.referee.task import Reader

REMEDY = "docs/evaluate.md lists what truth looks like"
WHAT = "true instances"
PER_CLASS = 1000  # ScanNet's encoding: class id * 1000 + instance
COLUMNS = {"scannet20": "nyu40id", "scannet200": "id"}  # by table of classes
INFO_FILES = {  # array of the truth -> entry and folder of an info file
    "classes": ("pts_semantic_mask_path", "semantic_mask"),
    "instances": ("pts_instance_mask_path", "instance_mask"),
    "segments": ("super_pts_path", "super_points"),
}


class BenchmarkTruth(Reader[TrueInstances]):
    """ScanNet's: a number for each vertex of the mesh."""

    name = "scannet-txt"
    says = (
        "SCAN.txt with `CLASS_ID * 1000 + INSTANCE` a line, below 1000 for no instance"
    )

    def find(self, root: Path) -> dict[str, Path]:
        paths = [path for path in listing(root) if path.suffix == ".txt"]
        return {path.stem: path for path in paths if self._is_number(path)}

    @staticmethod
    def _is_number(path: Path) -> bool:
        with path.open("rb") as file:
            return file.readline(64).strip().isdigit()

    def read(self, path: Path) -> TrueInstances:
        try:
            numbers = np.array(path.read_bytes().split(), np.float64)
        except ValueError as error:
            raise ValueError(f"{path}: expected a number a line, {error}") from error
        ids = numbers.astype(np.int64)
        if (ids != numbers).any() or ids.min(initial=0) < 0:
            bad = numbers[(ids != numbers) | (numbers < 0)][0]
            raise ValueError(f"{path}: expected whole numbers from 0 on, got {bad:g}")
        known = ids >= PER_CLASS
        return TrueInstances(
            np.where(known, ids, -1), np.where(known, ids // PER_CLASS, 0)
        )

    def write(self, root: Path, name: str, data: TrueInstances) -> None:
        if data.classes is None:
            raise ValueError("ScanNet's encoding needs classes")
        own = np.unique(data.instances, return_inverse=True)[1] + 1
        known = (data.instances >= 0) & (data.classes > 0)
        numbers = np.where(known, data.classes * PER_CLASS + own, 0)
        root.mkdir(parents=True, exist_ok=True)
        write_numbers(root / f"{name}.txt", numbers)


class OwnTruth(Reader[TrueInstances]):
    """The simplest for one's own data: a ``.npz`` per unit."""

    name = "npz"
    says = (
        "UNIT.npz with `instances` (N,) ids, -1 none, and if known `classes` (N,) ids, "
        "`points` (N, 3), `segments` (N,)"
    )

    def find(self, root: Path) -> dict[str, Path]:
        paths = [root] if root.is_file() else listing(root)
        return {
            path.stem: path
            for path in paths
            if path.suffix == ".npz" and "instances" in names_of(path)
        }

    def read(self, path: Path) -> TrueInstances:
        arrays = load_arrays(path, WHAT, REMEDY)
        names = ("instances", "classes", "segments")
        ids = {n: _ids(arrays[n], f"{path}: `{n}`") for n in names if n in arrays}
        return TrueInstances(
            ids["instances"],
            ids.get("classes"),
            arrays.get("points"),
            ids.get("segments"),
        )

    def write(self, root: Path, name: str, data: TrueInstances) -> None:
        arrays = {
            key: array
            for key in ("instances", "classes", "points", "segments")
            if (array := getattr(data, key)) is not None
        }
        root.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(root / f"{name}.npz", **arrays)


class InfoTruth(Reader[TrueInstances]):
    """An info file of ``create_data.py`` and the labels that lie beside it."""

    name = "infos"
    says = "an info file (.json or .pkl) with labels, superpoints and points beside it"
    entry = "infos.json"

    def find(self, root: Path) -> dict[str, Path]:
        if root.suffix not in (".json", ".pkl"):
            return {}
        column = load_info(root)["metainfo"].get("label_column")
        wanted = COLUMNS[self.rules.classes]
        if column not in (None, wanted):
            raise ValueError(
                f"{root} has ids of the column {column!r} of ScanNet's labels, and the "
                f"protocol's classes are those of {wanted!r}: equal numbers mean other "
                "classes. Choose another protocol, or convert with the other column"
            )
        return {name: root / name for name in _entries(root)}

    def read(self, path: Path) -> TrueInstances:
        ids = {key: read_labels(file) for key, file in self._labels(path).items()}
        points = read_points(self._points(path))[:, :3]
        return TrueInstances(
            ids["instances"] - 1, ids["classes"], points, ids["segments"]
        )

    def files(self, path: Path) -> list[Path]:
        return [path.parent, self._points(path), *self._labels(path).values()]

    def _labels(self, path: Path) -> dict[str, Path]:
        entry = _entries(path.parent)[path.name]
        root, info = path.parent.parent, str(path.parent)
        return {
            key: inside(root / folder, entry[name], info)
            for key, (name, folder) in INFO_FILES.items()
        }

    def _points(self, path: Path) -> Path:
        entry = _entries(path.parent)[path.name]["lidar_points"]["lidar_path"]
        return inside(path.parent.parent / "points", entry, str(path.parent))

    def write(self, root: Path, name: str, data: TrueInstances) -> None:
        info = {"sample_idx": name, "lidar_points": {"lidar_path": f"{name}.bin"}}
        for key, (entry, folder) in INFO_FILES.items():
            array = getattr(data, key) + (key == "instances")
            write_rows(root / folder / f"{name}.bin", array, "<i8")
            info[entry] = f"{name}.bin"
        points = np.zeros((len(data.instances), 6), np.float32)
        points[:, :3] = data.points
        write_rows(root / "points" / f"{name}.bin", points, "<f4")
        path = root / self.entry
        before = load_info(path)["data_list"] if path.is_file() else []
        save_info(path, {}, [*before, info])
        _entries.cache_clear()


@lru_cache(maxsize=1)
def _entries(info: Path) -> dict[str, dict[str, Any]]:
    """Samples of an info file by name, read once in a process."""
    return {str(one["sample_idx"]): one for one in load_info(info)["data_list"]}


def _ids(array: NDArray, name: str) -> NDArray[np.int64]:
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name} must be integers, got {array.dtype}. {REMEDY}")
    return array.astype(np.int64)
