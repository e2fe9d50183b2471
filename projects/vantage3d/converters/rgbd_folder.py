"""``tools/create_data.py rgbd``: an index of anyone's RGB-D recordings."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.index.build import build_index
from vantage3d.converters.index.source import SceneFolders, Unusable
from vantage3d.converters.runs import add_index_arguments, index_options
from vantage3d.io.rgbd_frames import read_intrinsics
from vantage3d.views.index import IndexedFrame, split_scenes


@dataclass(frozen=True)
class RgbdFolderSource(SceneFolders):
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

    def __post_init__(self) -> None:
        if not self.depth_scale > 0:
            raise ValueError(f"--depth-scale must be above 0, got {self.depth_scale}")

    @property
    def options(self) -> dict[str, Any]:
        return {
            "--depth-scale": self.depth_scale,
            "--val-scenes": list(self.val_scenes),
            "--test-scenes": list(self.test_scenes),
        }

    @property
    def single(self) -> bool:
        """Whether the one scene stands right in ``root``."""
        return (self.root / "color").is_dir()

    def folder(self, scene: str) -> Path:
        return self.root if self.single else self.root / scene

    def scenes(self) -> list[str]:
        """Scenes that have a ``color`` or ``depth`` folder."""
        if self.single:
            return [self.root.resolve().name]
        parts = [*self.root.glob("*/color"), *self.root.glob("*/depth")]
        return sorted({path.parent.name for path in parts if path.is_dir()})

    def splits(self) -> dict[str, list[str]]:
        chosen = {"val": self.val_scenes, "test": self.test_scenes}
        return split_scenes(self.scenes(), chosen)

    def intrinsics(
        self, folder: Path, color_size: tuple[int, int], depth_size: tuple[int, int]
    ) -> NDArray[np.float64]:
        return read_intrinsics(folder / "intrinsic.txt", depth_size)

    def frames(self, sequence: str) -> list[IndexedFrame | Unusable]:
        folder, names = self.folder(sequence), self.names(sequence)
        strange = [name for name in names if not name.isdigit()]
        if strange or not names:
            raise ValueError(
                f"{folder} has frames called {strange[:3]}, expected numbers: they say "
                "which frames are `gap` apart. Number the files"
            )
        if not any((folder / "depth").glob("[!.]*.[pP][nN][gG]")):
            raise FileNotFoundError(
                f"{folder / 'depth'} holds no depth images. Add them as 16-bit PNG"
            )
        return super().frames(sequence)


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
    build_index(source, index_options(args, "rgbd"))
