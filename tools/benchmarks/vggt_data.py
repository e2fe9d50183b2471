"""Samples per second of one loader process: KITTI-360 at 168 x 518.

Four ways: packed views, cached depth maps with the original images, and without any
cache, depth accumulated from the sweeps for every frame. The drive is synthetic, at the
size of KITTI-360 (1408 x 376, 128 000 points per sweep at most).
"""

import argparse
import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from projects.common.datasets import SeededIndex
from projects.common.synthetic.kitti360 import DriveOptions, drive_name, write_kitti360
from projects.vggt_lora.converters.kitti360 import Options, convert
from projects.vggt_lora.converters.kitti360_calibration import (
    read_calibration,
    read_poses,
)
from projects.vggt_lora.converters.kitti360_depth import DepthMaker, DepthOptions
from projects.vggt_lora.converters.kitti360_layout import Kitti360Layout
from projects.vggt_lora.datasets import KITTI360Dataset

GOAL = 60  # samples per second and core, packed


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--frames", type=int, nargs="+", default=[1, 2, 4, 8], help="per sample")
    add("--recorded", type=int, default=16, help="frames of the drive")
    add("--seconds", type=float, default=2.0, help="per row")


def run(args: argparse.Namespace) -> int:
    """Print the table; 1 if packed samples miss the goal."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        raw, cache = Path(folder) / "raw", Path(folder) / "cache"
        write_kitti360(raw, 1, 0, DriveOptions(frames=args.recorded))
        convert(Options(Kitti360Layout(raw), cache, pack=True), ["train"])
        print("one core, 168x518, samples/s (frames/s)")
        best = []
        for frames in args.frames:
            packed = _rate(_loader(cache, frames, packed=True), args.seconds)
            colours = _loader(cache, frames, packed=True, augmentation={})
            augmented = _rate(colours, args.seconds)
            plain = _rate(_loader(cache, frames), args.seconds)
            best.append(packed)
            print(
                f"{frames} frames: packed {packed:6.1f} ({packed * frames:5.0f}), with "
                f"augmentation {augmented:6.1f}, depth maps {plain:6.1f} "
                f"({plain * frames:4.0f})"
            )
        print(f"no cache: {_rate(_uncached(raw, args.recorded), 4.0):.1f} depth maps/s")
    return int(min(best) < GOAL)


def _loader(cache: Path, frames: int, **kwargs) -> Callable[[int], object]:
    dataset = KITTI360Dataset(str(cache), frames=frames, aspect=168 / 518, **kwargs)
    return lambda n: dataset[SeededIndex(n % len(dataset), n)]


def _uncached(raw: Path, recorded: int) -> Callable[[int], object]:
    """Depth of frames far enough apart to share no sweep in memory."""
    layout, name = Kitti360Layout(raw), drive_name(0)
    calibration = read_calibration(raw / "calibration")
    poses = read_poses(layout.poses(name))

    def make(number: int) -> object:
        fresh = DepthMaker(layout, name, calibration, poses, DepthOptions())
        return fresh(min(4 + number % recorded, recorded - 5))

    return make


def _rate(load: Callable[[int], object], seconds: float) -> float:
    """Calls per second after a first one."""
    load(0)
    start = time.perf_counter()
    for number in itertools.count(1):
        load(number)
        spent = time.perf_counter() - start
        if spent > seconds:
            return number / spent
    raise AssertionError("unreachable")
