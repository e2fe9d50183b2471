"""``tools/create_data.py scannet_views``: an index of exported ScanNet scenes."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from projects.common.frame_index.build import build_index
from projects.common.frame_index.held_out import hold_out
from projects.common.frame_index.index import IndexedFrame
from projects.common.frame_index.source import (
    FrameSource,
    Unusable,
    add_index_arguments,
    index_options,
)
from projects.common.geometry import invert_rigid
from projects.common.io.images import read_size
from projects.common.io.rgbd_frames import list_frames, read_cam2world, read_list
from projects.common.io.scannet_export import scannet_intrinsics

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class ScanNetViewsSource(FrameSource):
    """Scene folders with ``color depth pose intrinsic``.

    Attributes:
        root: Holds the scenes, or ``2D`` with the scenes.
        val_scenes: Held-out scenes; the lists of ScanNet decide where it is empty.
    """

    root: Path
    val_scenes: tuple[str, ...] = ()
    reader: str = "scannet"

    @property
    def scenes_folder(self) -> str:
        """Folder of the scenes relative to ``root``."""
        return "2D" if (self.root / "2D").is_dir() else "."

    @property
    def options(self) -> dict[str, Any]:
        return {"--val-scenes": list(self.val_scenes)}

    def splits(self) -> dict[str, list[str]]:
        folder = self.root / self.scenes_folder
        scenes = sorted(path.parent.name for path in folder.glob("*/pose"))
        if self.val_scenes:
            return hold_out(scenes, self.val_scenes)
        found = {s: _listed(self.root / "meta_data", s) for s in SPLITS}
        return found if any(found.values()) else {"train": scenes}

    def frames(self, sequence: str) -> list[IndexedFrame | Unusable]:
        folder = f"{self.scenes_folder}/{sequence}".removeprefix("./")
        names = [name for name in list_frames(self.root / folder) if name.isdigit()]
        if not names:
            raise FileNotFoundError(
                f"{self.root / folder} holds no frames. Export the scene, or take it "
                "off the list"
            )
        sizes = [
            read_size(self.root / folder / f"{kind}/{names[0]}.{suffix}")
            for kind, suffix in (("color", "jpg"), ("depth", "png"))
        ]
        K, _ = scannet_intrinsics(self.root / folder, sizes[0], sizes[1])
        return [self._frame(folder, name, K) for name in names]

    def _frame(
        self, folder: str, name: str, K: NDArray[np.float64]
    ) -> IndexedFrame | Unusable:
        try:
            pose = read_cam2world(self.root / folder / "pose" / f"{name}.txt")
        except (FileNotFoundError, ValueError) as error:
            return Unusable(int(name), str(error))
        image, depth = f"{folder}/color/{name}.jpg", f"{folder}/depth/{name}.png"
        return IndexedFrame(int(name), image, depth, K, invert_rigid(pose))


def _listed(folder: Path, split: str) -> list[str]:
    """Scenes of ScanNet's list, or of a list of frames ``<scene>_<n>``."""
    scenes, frames = (
        folder / f"scannetv2_{split}.txt",
        folder / f"scannetv2_sv_{split}.txt",
    )
    if scenes.is_file():
        return read_list(scenes)
    if frames.is_file():
        lines = read_list(frames)
        return list(dict.fromkeys(line.rpartition("_")[0] for line in lines))
    return []


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add_index_arguments(parser)
    text = "held-out scenes, * is a wildcard; meta_data/scannetv2_*.txt by default"
    parser.add_argument("--val-scenes", nargs="+", default=[], help=text)


def run(args: argparse.Namespace) -> None:
    """Index exported scenes as the command line says."""
    options = index_options(args, "scannet_views")
    build_index(ScanNetViewsSource(args.root_path, tuple(args.val_scenes)), options)
