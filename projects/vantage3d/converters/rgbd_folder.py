"""``tools/create_data.py rgbd_frames``: an index of anyone's RGB-D recordings."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.index.build import build_index
from vantage3d.converters.index.source import (
    FrameSource,
    Unusable,
    add_index_arguments,
    index_options,
)
from vantage3d.geometry import invert_rigid
from vantage3d.io.images import read_size
from vantage3d.io.rgbd_frames import (
    color_path,
    list_frames,
    read_cam2world,
    read_intrinsics,
)
from vantage3d.views.index import IndexedFrame
from vantage3d.views.names import split_scenes


@dataclass(frozen=True)
class RgbdFolderSource(FrameSource):
    """``<root>/<scene>/{color,depth,pose}`` with ``intrinsic.txt``.

    Attributes:
        root: Holds the scenes, or is the only one.
        depth_scale: Units of the depth images per metre.
        val_scenes: Patterns of scenes to validate on.
        test_scenes: Patterns of scenes to test on; all others are for training.
    """

    root: Path
    depth_scale: float = 1000.0
    val_scenes: tuple[str, ...] = ()
    test_scenes: tuple[str, ...] = ()
    reader: str = "rgbd_folder"

    @property
    def options(self) -> dict[str, Any]:
        return {
            "--depth-scale": self.depth_scale,
            "--val-scenes": list(self.val_scenes),
            "--test-scenes": list(self.test_scenes),
        }

    def splits(self) -> dict[str, list[str]]:
        if (self.root / "pose").is_dir():
            scenes = [self.root.resolve().name]
        else:
            scenes = sorted(path.parent.name for path in self.root.glob("*/pose"))
        chosen = {"val": self.val_scenes, "test": self.test_scenes}
        return split_scenes(scenes, chosen)

    def frames(self, sequence: str) -> list[IndexedFrame | Unusable]:
        single = (self.root / "pose").is_dir()
        folder = self.root if single else self.root / sequence
        names = list_frames(folder)
        strange = [name for name in names if not name.isdigit()]
        if strange or not names:
            raise ValueError(
                f"{folder} has frames called {strange[:3]}, expected numbers: they say "
                "which frames are `seq_gap` apart. Number the files"
            )
        depth = next(iter(sorted((folder / "depth").glob("*.png"))), None)
        if depth is None:
            raise FileNotFoundError(
                f"{folder / 'depth'} holds no depth images. Add them as 16-bit PNG"
            )
        K = read_intrinsics(folder / "intrinsic.txt", read_size(depth))
        return [self._frame(folder, name, K) for name in names]

    def _frame(
        self, folder: Path, name: str, K: NDArray[np.float64]
    ) -> IndexedFrame | Unusable:
        try:
            pose = read_cam2world(folder / "pose" / f"{name}.txt")
        except (FileNotFoundError, ValueError) as error:
            return Unusable(int(name), str(error))
        files = color_path(folder, name), folder / "depth" / f"{name}.png"
        paths = (path.relative_to(self.root).as_posix() for path in files)
        return IndexedFrame(int(name), *paths, K, invert_rigid(pose))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add_index_arguments(parser)
    add, text = parser.add_argument, "scenes, * is a wildcard; all others are train"
    add("--val-scenes", nargs="+", default=[], help=f"validation {text}")
    add("--test-scenes", nargs="+", default=[], help=f"test {text}")
    text = "units of the depth images per metre: 5000 for TUM, 6553.5 for Replica"
    add("--depth-scale", type=float, default=1000.0, help=text)


def run(args: argparse.Namespace) -> None:
    """Index recordings as the command line says."""
    chosen = tuple(args.val_scenes), tuple(args.test_scenes)
    source = RgbdFolderSource(args.root_path, args.depth_scale, *chosen)
    build_index(source, index_options(args, "rgbd_frames"))
