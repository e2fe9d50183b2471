"""Exported ScanNet scenes as a source of frames; official splits."""

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.index.source import FrameSource, Unusable, add_index_arguments
from vantage3d.geometry import invert_rigid
from vantage3d.io.images import read_size
from vantage3d.io.rgbd_frames import list_frames, read_cam2world, read_list
from vantage3d.io.scannet_export import scannet_intrinsics
from vantage3d.views.index import IndexedFrame
from vantage3d.views.names import split_scenes

SPLITS = ("train", "val", "test")
FOLDERS = ("2D", "scans", "scans_train", "scans_test", ".")
TEST_SCENES = range(707, 807)  # scene0707_00 .. scene0806_00


@dataclass(frozen=True)
class ScanNetSource(FrameSource):
    """Scene folders with ``color depth pose intrinsic``.

    Without lists the number of a scene decides: those of ScanNet's test set are
    ``test``, all others ``train``.

    Attributes:
        root: Holds the scenes, itself or in one of ``FOLDERS``.
        val_scenes: Held-out scenes among those that are not of the test set; where it
            is empty the lists of ScanNet decide.
        lists: Files of scene names by split, instead of ``meta_data`` in ``root``.
        frame_step: Takes frames whose number is a multiple of this.
    """

    root: Path
    val_scenes: tuple[str, ...] = ()
    lists: Mapping[str, Path] = field(default_factory=dict)
    frame_step: int = 1
    reader: str = "scannet"

    @property
    def options(self) -> dict[str, Any]:
        options: dict[str, Any] = {"--val-scenes": list(self.val_scenes)}
        if self.frame_step != 1:
            options["--frame-step"] = self.frame_step
        return options

    def splits(self) -> dict[str, list[str]]:
        names = {p.parent.name for f in FOLDERS for p in self.root.glob(f"{f}/*/pose")}
        scenes, test = sorted(names), sorted(filter(is_test_scene, names))
        rest = [scene for scene in scenes if scene not in test]
        if self.val_scenes:
            return split_scenes(rest, {"val": self.val_scenes}) | {"test": test}
        found = {split: self._listed(split) for split in SPLITS}
        check_splits(found)
        return found if any(found.values()) else {"train": rest, "test": test}

    def _listed(self, split: str) -> list[str]:
        if self.lists:
            return read_list(self.lists[split]) if split in self.lists else []
        return _listed(self.root / "meta_data", split)

    def frames(self, sequence: str) -> list[IndexedFrame | Unusable]:
        folder = self.folder(sequence)
        path = self.root / folder
        names = [name for name in list_frames(path) if name.isdigit()]
        pairs = ((path / f"color/{n}.jpg", path / f"depth/{n}.png") for n in names)
        whole = next((pair for pair in pairs if all(map(Path.is_file, pair))), None)
        if whole is None:
            raise FileNotFoundError(
                f"{path} holds no frames with colour and depth. Export the scene, or "
                "take it off the list"
            )
        K, _ = scannet_intrinsics(path, *map(read_size, whole))
        chosen = [name for name in names if int(name) % self.frame_step == 0]
        return [self._frame(folder, name, K) for name in chosen]

    def folder(self, scene: str) -> str:
        """Folder of a scene relative to ``root``."""
        for parent in FOLDERS:
            if (self.root / parent / scene).is_dir():
                return f"{parent}/{scene}".removeprefix("./")
        return scene

    def _frame(
        self, folder: str, name: str, K: NDArray[np.float64]
    ) -> IndexedFrame | Unusable:
        try:
            pose = read_cam2world(self.root / folder / "pose" / f"{name}.txt")
        except (FileNotFoundError, ValueError) as error:
            return Unusable(int(name), str(error))
        image, depth = f"{folder}/color/{name}.jpg", f"{folder}/depth/{name}.png"
        return IndexedFrame(int(name), image, depth, K, invert_rigid(pose))


def is_test_scene(name: str) -> bool:
    """Whether a scan is of ScanNet's official test set, by its number."""
    match = re.match(r"scene(\d{4})(_|$)", name)
    return match is not None and int(match[1]) in TEST_SCENES


def check_splits(splits: Mapping[str, Sequence[str]]) -> None:
    """Refuse official test scenes in what trains or selects a model.

    Raises:
        ValueError: If ``train`` or ``val`` names one.
    """
    for split in ("train", "val"):
        wrong = [scene for scene in splits.get(split, ()) if is_test_scene(scene)]
        if wrong:
            raise ValueError(
                f"the {split} split has {len(wrong)} scenes of ScanNet's test set "
                f"(scene0707 to scene0806), first {wrong[0]}: results on the test set "
                "would mean nothing. Move them to the test split"
            )


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


def add_scannet_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of a command that indexes ScanNet."""
    add_index_arguments(parser)
    text = "held-out scenes, * is a wildcard; meta_data/scannetv2_*.txt by default"
    parser.add_argument("--val-scenes", nargs="+", default=[], help=text)
