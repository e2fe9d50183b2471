"""Depth maps in the formats that people write, one reader per format.

A unit is a file, or for protocols of windows a folder of files, or an archive with all
frames. Files lie in the folder that is given, or in folders of it, which name the unit:
``scene0707_00/000010``. Integers have no unit of their own: the file
``units_per_metre.txt`` beside them says it, else ``--format`` has to.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.arrays import load_arrays
from vantage3d.io.depth_files import read_depth_file, read_stored, write_depth_png
from vantage3d.io.folders import matching
from vantage3d.io.prediction_files import prediction_files
from vantage3d.referee.task import Reader

WINDOWS, FRAMES = "windows", "frames"
UNIT_FILE = "units_per_metre.txt"
ALONE = "frame"  # name of a file that is given itself, whatever it is called
AGAIN = "Write it again as docs/evaluate.md says"


class DepthMaps(NamedTuple):
    """Depth of a unit.

    Attributes:
        depth: (V, H, W) z-depth, 0 where it is missing; V is 1 for units of a frame.
        names: Of the frames, where they have any.
        metric: Whether lengths are metres, as far as the file says.
    """

    depth: NDArray[np.float32]
    names: tuple[str, ...] = ()
    metric: bool = True


def stacked(maps: Sequence[NDArray[np.float32]], path: Path) -> NDArray[np.float32]:
    """(V, H, W) maps of a window.

    Raises:
        ValueError: If they are not of one size.
    """
    if len({one.shape for one in maps}) > 1:
        raise ValueError(
            f"{path}: its maps have the shapes {sorted({m.shape for m in maps})}, "
            f"expected one. {AGAIN}"
        )
    return np.stack(maps)


def check_metres(depth: NDArray, path: Path) -> None:
    """Refuse whole numbers, which do not say their unit, and what is no number."""
    if depth.dtype.kind != "f":
        raise ValueError(
            f"{path} holds {depth.dtype}, expected floats of metres: whole numbers do "
            f"not say their unit. Divide by it, or write PNG beside {UNIT_FILE}"
        )


class _Files(Reader[DepthMaps]):
    """A file per frame, known by its suffix."""

    suffix: ClassVar[str]

    def find(self, root: Path) -> dict[str, Path]:
        if root.is_file():
            own = root.suffix == self.suffix and self.is_own(root, root.parent)
            return {ALONE: root} if own else {}
        found: dict[str, Path] = {}
        for path in matching(root, f"**/*{self.suffix}"):
            if not self.is_own(path, root):
                continue
            if self.rules.unit == WINDOWS:
                path = path.parent
                name = path.name if path == root else path.relative_to(root).as_posix()
            else:
                name = path.relative_to(root).with_suffix("").as_posix()
            found.setdefault(name, path)
        return found

    def is_own(self, path: Path, root: Path) -> bool:
        """Whether a file of the suffix is of this format."""
        return True

    def files(self, path: Path) -> list[Path]:
        if path.is_dir():
            return matching(path, f"*{self.suffix}")
        return [path]

    def read(self, path: Path) -> DepthMaps:
        files = self.files(path)
        maps = stacked([self.read_map(file) for file in files], path)
        return DepthMaps(maps, tuple(file.stem for file in files))

    def read_map(self, file: Path) -> NDArray[np.float32]:
        """(H, W) metres of a file."""
        return read_depth_file(file, scale=1.0)

    def write(self, root: Path, name: str, data: DepthMaps) -> None:
        names = [name]
        if self.rules.unit == WINDOWS:
            own = data.names or [f"{i:06d}" for i in range(len(data.depth))]
            names = [f"{name}/{one}" for one in own]
        for one, depth in zip(names, data.depth):
            path = root / f"{one}{self.suffix}"
            path.parent.mkdir(parents=True, exist_ok=True)
            self.write_map(path, depth)

    def write_map(self, path: Path, depth: NDArray[np.float32]) -> None:
        """Write (H, W) metres."""
        import cv2

        if not cv2.imwrite(str(path), depth):
            raise ValueError(f"OpenCV cannot write {path}")


class Npy(_Files):
    """Arrays of NumPy."""

    name, suffix = "npy", ".npy"
    says = "FRAME.npy, (H, W) metres"

    def read_map(self, file: Path) -> NDArray[np.float32]:
        check_metres(read_stored(file), file)
        return super().read_map(file)

    def write_map(self, path: Path, depth: NDArray[np.float32]) -> None:
        np.save(path, depth)


class Pfm(_Files):
    """Portable float maps."""

    name, suffix = "pfm", ".pfm"
    says = "FRAME.pfm, one channel of metres"


class Exr(_Files):
    """OpenEXR images."""

    name, suffix = "exr", ".exr"
    says = "FRAME.exr, one channel of 32-bit metres"

    def write_map(self, path: Path, depth: NDArray[np.float32]) -> None:
        import os

        os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
        super().write_map(path, depth)


class _Png(_Files):
    """16-bit images of whole units."""

    suffix = ".png"
    scale: float  # units per metre

    def is_own(self, path: Path, root: Path) -> bool:
        said = self.said(root)
        return said in (None, self.scale)

    @staticmethod
    def said(root: Path) -> float | None:
        """Units per metre that the file beside the images says.

        Raises:
            ValueError: If it is no number.
        """
        path = root / UNIT_FILE
        if not path.is_file():
            return None
        text = path.read_text().strip()
        try:
            said = float(text)
        except ValueError:
            said = 0
        if not 0 < said < np.inf:
            raise ValueError(
                f"{path} must hold one number, units per metre, got {text!r:.40}"
            )
        return said

    def read_map(self, file: Path) -> NDArray[np.float32]:
        stored = read_stored(file)
        if stored.dtype.itemsize < 2 or stored.ndim != 2:
            raise ValueError(
                f"{file} is an image of {stored.dtype} with the shape {stored.shape}, "
                "expected 16 bits and one channel: pictures of depth are no depth. "
                f"{AGAIN}"
            )
        return read_depth_file(file, scale=self.scale)

    def write_map(self, path: Path, depth: NDArray[np.float32]) -> None:
        write_depth_png(path, depth, self.scale)

    def write(self, root: Path, name: str, data: DepthMaps) -> None:
        super().write(root, name, data)
        (root / UNIT_FILE).write_text(f"{self.scale}\n")


class MillimetrePng(_Png):
    """As ScanNet has them."""

    name, scale = "png-mm", 1000
    says = "FRAME.png, 16 bits of millimetres (ScanNet)"


class KittiPng(_Png):
    """As KITTI has them."""

    name, scale = "png-256", 256
    says = "FRAME.png, 16 bits of 1/256 m (KITTI)"


class TumPng(_Png):
    """As TUM has them."""

    name, scale = "png-5000", 5000
    says = "FRAME.png, 16 bits of 1/5000 m (TUM)"


class UnitPng(_Png):
    """As everybody else has them, such as centimetres of Virtual KITTI."""

    name, scale = "png", 200.0
    says = f"FRAME.png, 16 bits of 1/N m for the N in {UNIT_FILE}"

    def find(self, root: Path) -> dict[str, Path]:
        self.scale = self.said(root) or self.scale
        return super().find(root)

    def is_own(self, path: Path, root: Path) -> bool:
        named = [one.scale for one in (MillimetrePng, KittiPng, TumPng)]
        return self.said(root) not in (None, *named)


class Npz(_Files):
    """Archives with ``depth``: of a frame, or of all frames of a window."""

    name, suffix = "npz", ".npz"
    says = "FRAME.npz with `depth` (H, W), or WINDOW.npz (V, H, W), as `predict` writes"
    KEYS: ClassVar[Sequence[str]] = ("depth", "depth_z")

    def is_own(self, path: Path, root: Path) -> bool:
        return bool(prediction_files(path))

    def find(self, root: Path) -> dict[str, Path]:
        found = super().find(root)
        if self.rules.unit != WINDOWS or root.is_file():
            return found
        stacks = {
            path.relative_to(root).with_suffix("").as_posix(): path
            for folder in found.values()
            for path in self.files(folder)
            if self._read(path).depth.ndim > 2
        }
        return stacks or found

    def read(self, path: Path) -> DepthMaps:
        if path.is_dir():
            parts = [self._read(file) for file in self.files(path)]
            names = tuple(file.stem for file in self.files(path))
            metric = all(part.metric for part in parts)
            return DepthMaps(stacked([p.depth for p in parts], path), names, metric)
        found = self._read(path)
        if found.depth.ndim == 2:
            return found._replace(depth=found.depth[None], names=(path.stem,))
        return found

    def _read(self, path: Path) -> DepthMaps:
        stored = load_arrays(path, "depth maps", AGAIN)
        depth = next(stored[key] for key in self.KEYS if key in stored)
        check_metres(depth, path)
        if depth.ndim > 2 and depth.shape[-1] == 1:
            depth = depth[..., 0]
        if depth.ndim not in (2, 3):
            raise ValueError(
                f"{path}: `depth` must have shape (H, W) or (V, H, W), got "
                f"{depth.shape}. {AGAIN}"
            )
        usable = np.isfinite(depth) & (depth > 0)
        names = tuple(str(name) for name in np.atleast_1d(stored.get("names", ())))
        depth = np.where(usable, depth, 0).astype(np.float32)
        return DepthMaps(depth, names, bool(stored.get("metric", True)))

    def write(self, root: Path, name: str, data: DepthMaps) -> None:
        path = root / f"{name}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = self.rules.unit == WINDOWS
        np.savez_compressed(path, depth=data.depth if whole else data.depth[0])


READERS = (Npz, Npy, Exr, Pfm, MillimetrePng, KittiPng, TumPng, UnitPng)
