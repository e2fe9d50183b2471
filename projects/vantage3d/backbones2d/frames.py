"""Colour images of recordings, and which of them a process works on."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from vantage3d.io.rgbd_frames import numeric_order

SUFFIXES = (".jpg", ".jpeg", ".png")
SCANNET_INTERVAL = 200  # single view; 40 for sequences
T = TypeVar("T")


@dataclass(frozen=True)
class ImageFrame:
    """A colour image: ``<scene>``, ``<frame>`` (its stem) and where it lies."""

    scene: str
    frame: str
    path: Path

    @property
    def idx(self) -> str:
        """``<scene>_<frame>``."""
        return f"{self.scene}_{self.frame}"


def find_images(
    root: Path, frame_interval: int | None = None, scenes: Sequence[str] = ()
) -> list[ImageFrame]:
    """Colour images, by scene and in numeric order.

    Args:
        root: A ScanNet export with ``2D/<scene>/color/<n>.jpg``, or an RGB-D folder
            with ``<scene>/color/<frame>.*`` or one scene's ``color`` folder.
        frame_interval: As tools/create_data.py takes it: of a ScanNet export the frames
            whose number is a multiple (200 by default), of an RGB-D folder every so
            many-th frame (1 by default).
        scenes: Only these, all when empty.

    Raises:
        FileNotFoundError: If ``root`` or a named scene is missing.
        ValueError: If there is not one image, or the interval is below 1.
    """
    if frame_interval is not None and frame_interval < 1:
        raise ValueError(f"--frame-interval must be at least 1, got {frame_interval}")
    if not root.is_dir():
        raise FileNotFoundError(
            f"--root-path {root} is missing. data/README.md says what to download and "
            "where to put it"
        )
    is_scannet = (root / "2D").is_dir()
    parent = root / "2D" if is_scannet else root
    folders = {path.parent.name: path for path in sorted(parent.glob("*/color"))}
    if (parent / "color").is_dir():
        folders = {parent.resolve().name: parent / "color"}
    missing = sorted(set(scenes) - folders.keys())
    if missing:
        raise FileNotFoundError(
            f"{parent} has no {missing[0]}/color ({len(missing)} of {len(scenes)} "
            "named scenes are missing). It has "
            f"{', '.join(list(folders)[:8]) or 'no scenes'}"
        )
    if scenes:
        folders = {name: path for name, path in folders.items() if name in scenes}
    images: list[ImageFrame] = []
    rank = {suffix: place for place, suffix in enumerate(SUFFIXES)}
    for scene, folder in folders.items():
        # One image per stem; JPEG goes before PNG, as for tools/create_data.py.
        paths = [path for path in folder.iterdir() if path.suffix.lower() in rank]
        paths.sort(key=lambda path: rank[path.suffix.lower()], reverse=True)
        by_stem = {path.stem: path for path in paths}
        order = sorted(by_stem, key=numeric_order)
        found = [ImageFrame(scene, stem, by_stem[stem]) for stem in order]
        if is_scannet:
            step = frame_interval or SCANNET_INTERVAL
            found = [i for i in found if i.frame.isdigit() and not int(i.frame) % step]
        images += found if is_scannet else found[:: frame_interval or 1]
    if not images:
        raise ValueError(
            f"no frames found in {root}: 0 images in {len(folders)} scenes with "
            f"--frame-interval {frame_interval}. Expected 2D/<scene>/color/<n>.jpg or "
            "<scene>/color/<frame>.{jpg,jpeg,png}, see data/README.md"
        )
    return images


@dataclass(frozen=True)
class Shard:
    """The share of one process: every ``world_size``-th item from ``rank`` on."""

    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.rank < self.world_size:
            raise ValueError(
                f"--rank must be in 0..{self.world_size - 1} for --world-size "
                f"{self.world_size}, got {self.rank}"
            )

    def of(self, items: Sequence[T]) -> list[T]:
        """This process's items."""
        return list(items[self.rank :: self.world_size])


def read_shard(
    rank: int | None, world_size: int | None, env: Mapping[str, str] = os.environ
) -> Shard:
    """The shard that options name, else the one of torchrun's environment, else all.

    Raises:
        ValueError: If only one of them is given, or the rank is out of range.
    """
    if (rank is None) != (world_size is None):
        raise ValueError(
            f"--rank and --world-size go together, got --rank {rank} --world-size "
            f"{world_size}. Give both or none"
        )
    if rank is not None and world_size is not None:
        return Shard(rank, world_size)
    return Shard(int(env.get("RANK", 0)), int(env.get("WORLD_SIZE", 1)))
