"""``tools/create_data.py sevenscenes``: an index of 7-Scenes recordings."""

import argparse
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.index.build import build_index
from vantage3d.converters.index.source import FrameSource, Unusable, usable
from vantage3d.converters.runs import add_index_arguments, index_options
from vantage3d.geometry import invert_rigid
from vantage3d.io.images import read_size
from vantage3d.io.matrices import read_intrinsics, read_pose
from vantage3d.io.text import read_list
from vantage3d.views.index import IndexedFrame, sequence_name

# Nominal intrinsics at 640 x 480, where there is no camera-intrinsics.txt.
NOMINAL_K = np.array([[585.0, 0, 320], [0, 585, 240], [0, 0, 1]])
NOMINAL_SIZE = (640, 480)
TRAINING = "TrainSplit.txt"
PATTERN = "frame-*.pose.txt"


@dataclass(frozen=True)
class SevenScenesSource(FrameSource):
    """Folders with ``frame-NNNNNN.{color,depth,pose}.*``, anywhere below ``root``.

    ``<scene>/TrainSplit.txt`` names the training sequences (``sequence1`` is the folder
    ``seq-01``); everything else is for testing.
    """

    root: Path
    reader: str = "sevenscenes"
    depth_scale: float = 1000.0

    def splits(self) -> dict[str, list[str]]:
        splits: dict[str, list[str]] = {"train": [], "test": []}
        for name, folder in self.folders.items():
            train = folder.name in _listed(folder.parent / TRAINING)
            splits["train" if train else "test"].append(name)
        return splits

    @cached_property
    def folders(self) -> dict[str, Path]:
        """Folder of every sequence, by its path below ``root``."""
        folders = sorted({path.parent for path in self.root.rglob(PATTERN)})
        return {sequence_name(self.root, folder): folder for folder in folders}

    def frames(self, sequence: str) -> list[IndexedFrame | Unusable]:
        folder = self.folders[sequence]
        names = [path.name.split(".")[0] for path in sorted(folder.glob(PATTERN))]
        K = self._intrinsics(folder, _color(folder, names[0]))

        def frame(name: str) -> IndexedFrame:
            world2cam = invert_rigid(read_pose(folder / f"{name}.pose.txt"))
            files = _color(folder, name), folder / f"{name}.depth.png"
            number = int(name.removeprefix("frame-"))
            return IndexedFrame(number, *map(self.relative, files), K, world2cam)

        return [
            usable(int(name.removeprefix("frame-")), partial(frame, name))
            for name in names
        ]

    def _intrinsics(self, folder: Path, image: Path) -> NDArray[np.float64]:
        size = read_size(image)
        for parent in (folder, folder.parent):
            path = parent / "camera-intrinsics.txt"
            if path.is_file():
                return read_intrinsics(path, size)
        if size != NOMINAL_SIZE:
            raise ValueError(
                f"{folder} has no camera-intrinsics.txt and images of "
                f"{size[0]}x{size[1]}; the nominal intrinsics are for 640x480. Write "
                "the 3x3 intrinsics of your images there"
            )
        return NOMINAL_K


def _color(folder: Path, name: str) -> Path:
    """The colour image: PNG as released, JPEG in copies."""
    jpeg = folder / f"{name}.color.jpg"
    return jpeg if jpeg.is_file() else folder / f"{name}.color.png"


def _listed(path: Path) -> set[str]:
    """Folders of a split file with lines like ``sequence1``."""
    if not path.is_file():
        return set()
    return {f"seq-{int(n.removeprefix('sequence')):02d}" for n in read_list(path)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add_index_arguments(parser)


def run(args: argparse.Namespace) -> None:
    """Index 7-Scenes as the command line says."""
    options = index_options(args, "sevenscenes")
    build_index(SevenScenesSource(args.root_path), options)
