"""``tools/create_data.py vkitti``: an index of Virtual KITTI 2."""

import argparse
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.converters.index.build import build_index
from vantage3d.converters.index.source import FrameSource, Unusable, usable
from vantage3d.converters.runs import add_index_arguments, index_options
from vantage3d.io.files import existing
from vantage3d.io.folders import matching
from vantage3d.io.text import read_text, split_words
from vantage3d.views.index import IndexedFrame, split_scenes

CENTIMETRES = 100.0
HELD_OUT = "Scene06"


@dataclass(frozen=True)
class VirtualKittiSource(FrameSource):
    """Folders ``<scene>/<variation>/frames/rgb/Camera_<n>``, some scenes held out."""

    root: Path
    val_scenes: tuple[str, ...] = (HELD_OUT,)
    reader: str = "vkitti"
    depth_scale: float = CENTIMETRES

    @property
    def options(self) -> dict[str, Any]:
        return {"--val-scenes": list(self.val_scenes)}

    def splits(self) -> dict[str, list[str]]:
        folders = matching(self.root, "*/*/frames/rgb/Camera_*")
        parts = [folder.relative_to(self.root).parts for folder in folders]
        scenes = list(dict.fromkeys(part[0] for part in parts))
        return {
            split: [f"{p[0]}/{p[1]}/{p[-1]}" for p in parts if p[0] in chosen]
            for split, chosen in split_scenes(scenes, {"val": self.val_scenes}).items()
        }

    def frames(self, sequence: str) -> list[IndexedFrame | Unusable]:
        scene, variation, camera = sequence.split("/")
        folder, number = f"{scene}/{variation}", int(camera[-1])
        focal = read_table(self.root / folder / "intrinsic.txt", 4)
        poses = read_table(self.root / folder / "extrinsic.txt", 16)
        rgb = self.root / folder / "frames/rgb" / camera
        images = matching(rgb, "rgb_*.jpg")

        def frame(at: int) -> IndexedFrame:
            for name, table in (("intrinsic", focal), ("extrinsic", poses)):
                if (at, number) not in table:
                    raise ValueError(
                        f"{folder}/{name}.txt has no line for frame {at} of {camera}. "
                        "Download the text files again"
                    )
            fx, fy, cx, cy = focal[at, number]
            K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
            image = f"{folder}/frames/rgb/{camera}/rgb_{at:05d}.jpg"
            depth = f"{folder}/frames/depth/{camera}/depth_{at:05d}.png"
            return IndexedFrame(at, image, depth, K, poses[at, number].reshape(4, 4))

        numbers = [int(path.stem[4:]) for path in images]
        return [usable(at, partial(frame, at)) for at in numbers]


def read_table(path: Path, values: int) -> dict[tuple[int, int], NDArray[np.float64]]:
    """The numbers of every frame and camera of ``intrinsic.txt`` or ``extrinsic.txt``.

    Args:
        path: A header line, then ``frame camera`` and the values per line.
        values: How many; 4 x 4 world-to-camera poses have 16.

    Returns:
        (values,) by frame and camera.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If a line has another number of values or something else in it.
    """
    text = read_text(existing(path, "table", "Download vkitti_2.0.3_textgt.tar.gz"))
    table = {}
    for number, line in enumerate(text.splitlines()[1:], 2):
        if not line.strip():
            continue
        try:
            row = np.array(split_words(line), np.float64)
            frame, camera = map(int, row[:2])
        except (ValueError, OverflowError) as error:
            raise ValueError(
                f"{path} line {number} is no row of numbers ({error})"
            ) from error
        if len(row) != 2 + values:
            raise ValueError(
                f"{path} line {number} has {len(row)} numbers, expected {2 + values}. "
                "Download it again"
            )
        if (frame, camera) in table or (frame, camera) != (*row[:2],):
            raise ValueError(
                f"{path} line {number} is of frame {row[0]:g} and camera {row[1]:g}, "
                "expected numbers that no other line has. Download it again"
            )
        table[frame, camera] = row[2:]
    return table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add_index_arguments(parser, min_frames=24)
    text = f"held-out scenes, * is a wildcard; {HELD_OUT} by default"
    parser.add_argument("--val-scenes", nargs="*", default=[HELD_OUT], help=text)


def run(args: argparse.Namespace) -> None:
    """Index Virtual KITTI 2 as the command line says."""
    options = index_options(args, "vkitti")
    build_index(VirtualKittiSource(args.root_path, tuple(args.val_scenes)), options)
