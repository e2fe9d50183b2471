"""Time and memory of ``vantage3d evaluate instances`` by the number of scans.

Scans are of ScanNet's size and lie on disk as others write them. mmdet3d's evaluator
gets the dense masks of some of them in memory, its own format made before its clock
starts; reading, hashing and reducing are inside our time.
"""

import argparse
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from vantage3d.evaluation.metrics_table import AP_KEYS
from vantage3d.referee.evaluate import Options, evaluate
from vantage3d.referee.instances.data import PredictedInstances, TrueInstances
from vantage3d.referee.task import Task
from vantage3d.referee.tasks import find_task

from .measuring import PeakMemory
from .scannet_ap import Workload, make_scene, reference

WHOLE = 312  # scans of ScanNet's validation split
DISTINCT = 12  # of which more are copies: making one takes longer than judging ten


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    parser.add_argument("--scans", nargs="+", type=int, default=[2, 4, 8])
    parser.add_argument("--points", type=int, default=200_000)
    parser.add_argument("--predictions", type=int, default=200)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--reference", type=int, default=2, help="scans for mmdet3d")


def run(args: argparse.Namespace) -> int:
    """Print a line per number of scans; 1 if a figure differs by more than 1e-9."""
    size = Workload("scan", args.points, 40, args.predictions, 1)
    task, rng = find_task("instances", "esam-2024"), np.random.default_rng(0)
    print(
        f"{args.points} points, {args.predictions} predictions, {args.workers} workers"
    )
    with TemporaryDirectory() as name:
        root, kept = Path(name), []
        for number in range(max(args.scans)):
            own = f"scene{number:04d}_00"
            if number >= DISTINCT:
                for path in root.glob(f"*/scene{number % DISTINCT:04d}_00.npz"):
                    os.link(path, path.with_name(f"{own}.npz"))
                continue
            scene = make_scene(rng, size)
            write(task, root, own, scene)
            kept += [scene] if number < args.reference else []
        for count in sorted(args.scans):
            units = [f"scene{number:04d}_00" for number in range(count)]
            options = Options(units=units, workers=args.workers)
            memory = PeakMemory()
            ours = spent(lambda: judge(task, root, options))  # noqa: B023
            print(
                f"{count:4d} scans: {ours.wall_s:.2f} s, CPU {ours.cpu_s:.2f} s, "
                f"{ours.cpu_s / count:.3f} a scan, so {ours.cpu_s / count * WHOLE:.0f} "
                f"for {WHOLE}; {memory.peak_mb() - memory.idle_mb:.0f} MB more"
            )
        units = [f"scene{number:04d}_00" for number in range(len(kept))]
        ours = spent(lambda: judge(task, root, Options(units=units)))
        theirs = spent(reference(kept, 1))
    pairs = [(ours.result[key], theirs.result[key]) for key in AP_KEYS]
    worst = max(abs(a - b) for a, b in pairs)
    print(
        f"{len(kept)} scans: mmdet3d CPU {theirs.cpu_s:.2f} s from memory, ours "
        f"{ours.cpu_s:.2f} s from disk, {theirs.cpu_s / ours.cpu_s:.1f}x faster, "
        f"difference {worst:.1e}"
    )
    return int(worst > 1e-9)


class Spent(NamedTuple):
    """Seconds by the clock and of this process, and what a call gave."""

    wall_s: float
    cpu_s: float
    result: dict[str, float]


def spent(work: Callable[[], dict[str, float]]) -> Spent:
    """What a call takes; mmdet3d's warns of means of no class."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        wall, cpu = time.perf_counter(), time.process_time()
        result = work()
        return Spent(time.perf_counter() - wall, time.process_time() - cpu, result)


def write(task: Task, root: Path, name: str, scene: dict[str, np.ndarray]) -> None:
    """A scan as MaskClustering and OnlineAnySeg write theirs, and its truth."""
    things = np.array([*task.table.things, 0])
    truth = TrueInstances(scene["instances"], things[scene["labels"]])
    found = PredictedInstances(scene["masks"], scene["scores"])
    task.truth_readers[0](task.rules).write(root / "truth", name, truth)
    task.readers[1](task.rules).write(root / "predictions", name, found)


def judge(task: Task, root: Path, options: Options) -> dict[str, float]:
    """Figures of the model."""
    return evaluate(task, root / "predictions", root / "truth", options).figures[
        "model"
    ]
