"""Samples per second and core: KITTI-360 at 168 x 518.

A sample is what a training step takes: images, depth, masks, cameras, weights and
labels of all its frames, drawn, augmented and collated as the config says. Beside it
variants, samples without packed views (depth maps and original images), and depth maps
without any cache, accumulated from the sweeps. The drive is synthetic, at the size of
KITTI-360 (1408 x 376, 128 000 points per sweep at most).
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import torch
from torch.utils.data import DataLoader

from vantage3d.converters.kitti360.convert import Options, convert
from vantage3d.converters.kitti360.depth import DepthMaker, DepthOptions
from vantage3d.converters.kitti360.raw import (
    Kitti360Layout,
    read_calibration,
    read_poses,
)
from vantage3d.engine.configs.config import load_config
from vantage3d.process.seeding import SeededIndex
from vantage3d.synthetic.layouts.drives import (
    DriveOptions,
    drive_name,
    write_kitti360,
)
from vantage3d.views.batch import collate_views
from vantage3d.views.kitti360 import KITTI360Dataset

CONFIG = "configs/vggt_lora/lora_kitti360_strategy_b.py"
GOAL = 60  # samples per second and core, as training reads them


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--config", default=CONFIG, help="whose training data is measured")
    add("--frames", type=int, nargs="+", default=[1, 2, 4, 8], help="per sample")
    add("--recorded", type=int, default=16, help="frames of the drive")
    add("--seconds", type=float, default=2.0, help="per row")


def run(args: argparse.Namespace) -> int:
    """Print the table; 1 if training samples of the most frames miss the goal."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    trained = dict(load_config(args.config).train_dataloader.dataset)
    del trained["type"]
    bare = {key: trained[key] for key in ("image_size", "aspect")}
    ways = {
        "as trained": trained,
        "no augmentation": {**trained, "augmentation": None},
        "zoom 0.2": {**trained, "augmentation": {"zoom": 0.2}, "packed": True},
        "no recipe": bare,
        "from depth maps": {**trained, "packed": False},
    }
    with tempfile.TemporaryDirectory() as folder:
        raw, cache = Path(folder) / "raw", Path(folder) / "cache"
        write_kitti360(raw, 1, 0, DriveOptions(frames=args.recorded))
        chosen = Options(layout=Kitti360Layout(raw), out_dir=cache, pack=((168, 518),))
        convert(chosen, ["train"])
        print("samples per CPU second, collated one by one; then by one worker, per")
        print("second of the clock, until they are in the training process")
        print(f"{'frames':>8}{''.join(f'{name:>19}' for name in [*ways, 'worker'])}")
        for frames in args.frames:
            same = {"data_root": str(cache), "frames": frames}
            data = [KITTI360Dataset(**{**way, **same}) for way in ways.values()]
            rates = [_rate(_loader(one), args.seconds) for one in data]
            rates.append(_worker_rate(data[0], args.seconds))
            print(f"{frames:>8}{''.join(f'{rate:>19.1f}' for rate in rates)}")
        print(f"no cache: {_rate(_uncached(raw, args.recorded), 4.0):.1f} depth maps/s")
    return int(rates[0] < GOAL)


def _loader(dataset: KITTI360Dataset) -> Callable[[int], object]:
    return lambda n: collate_views([dataset[SeededIndex(n % len(dataset), n)]])


def _worker_rate(dataset: KITTI360Dataset, seconds: float) -> float:
    """Batches of one per second that a loader with one worker hands over."""
    draws = [SeededIndex(n % len(dataset), n) for n in range(100_000)]
    loader = DataLoader(
        dataset, 1, sampler=draws, num_workers=1, collate_fn=collate_views
    )
    batches = iter(loader)
    return _rate(lambda n: next(batches), seconds, time.perf_counter, 4)


def _uncached(raw: Path, recorded: int) -> Callable[[int], object]:
    """Depth of frames far enough apart to share no sweep in memory."""
    layout, name = Kitti360Layout(raw), drive_name(0)
    calibration = read_calibration(raw / "calibration")
    poses = read_poses(layout.poses(name))

    def make(number: int) -> object:
        fresh = DepthMaker(layout, name, calibration, poses, DepthOptions())
        return fresh(min(4 + number % recorded, recorded - 5))

    return make


def _rate(
    load: Callable[[int], object],
    seconds: float,
    clock: Callable[[], float] = time.process_time,
    first: int = 1,
) -> float:
    """Calls per second of a clock, without the ``first`` ones."""
    for number in range(first):
        load(number)
    number, start = 0, clock()
    while clock() - start <= seconds:
        number += 1
        load(number)
    return number / (clock() - start)
