"""Our sparse engine beside MinkowskiEngine on Res16UNet34C, in one run.

Every measurement is a process of its own, and the engines take turns (A B A B). Each
step starts from bare coordinates: making the coordinate maps is inside both times.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
from benchmarks.sparse_clouds import VOXEL_SIZE, Cloud, make_clouds

ROOT = Path(__file__).resolve().parents[2]
ENGINES = ("torch", "minkowski")
TARGETS = {"forward": 2.0, "train": 1.6}
TOLERANCE = 1e-4
Results = dict[str, list[dict]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    parser.add_argument("--rounds", type=int, default=2, help="turns of each engine")
    parser.add_argument("--repeats", type=int, default=5, help="steps in each turn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data", help="recordings"
    )
    parser.add_argument(
        "--tasks", nargs="+", choices=list(TARGETS), default=list(TARGETS)
    )
    parser.add_argument("--clouds", nargs="+", choices=["frame", "scan"])


def run(args: argparse.Namespace) -> int:
    """Print the table; 1 if the engines' outputs differ by more than 1e-4."""
    engines = [name for name in ENGINES if _installed(name)]
    source, clouds = make_clouds(args.data, args.seed)
    if args.clouds:
        clouds = [cloud for cloud in clouds if cloud.name.split()[1] in args.clouds]
    print(f"Res16UNet34C(3, 96) on {source}, voxels of {VOXEL_SIZE} m")
    if len(engines) == 1:
        print("MinkowskiEngine is not installed (`make minkowski`): ours alone")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        peaks = [_process("peak", repeats=args.repeats)["gflops"]]
        for cloud in clouds:
            path = Path(folder) / "cloud.npz"
            np.savez(path, coordinates=cloud.coordinates, features=cloud.features)
            gflop = _process("count", cloud=path)["gflop"]
            for task in args.tasks:
                results = _take_turns(args, engines, task, path)
                peaks.append(_process("peak", repeats=args.repeats)["gflops"])
                work = gflop * (3 if task == "train" else 1)
                _report(cloud, task, work, max(peaks), results)
            worst = max(worst, _difference(engines, path))
    if len(engines) > 1:
        print(f"largest difference of outputs / largest output: {worst:.1e}")
    return int(worst > TOLERANCE)


def _installed(engine: str) -> bool:
    return engine == "torch" or bool(importlib.util.find_spec("MinkowskiEngine"))


def _process(task: str, **options: object) -> dict:
    """The JSON line of ``sparse_process.py``."""
    command = [sys.executable, str(Path(__file__).with_name("sparse_process.py")), task]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "projects")}
    done = subprocess.run(
        command, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])


def _take_turns(
    args: argparse.Namespace, engines: list[str], task: str, cloud: Path
) -> Results:
    """Per engine the results of its turns."""
    results: Results = {engine: [] for engine in engines}
    for _ in range(args.rounds):
        for engine in engines:
            done = _process(task, engine=engine, cloud=cloud, repeats=args.repeats)
            results[engine].append(done)
    return results


def _difference(engines: list[str], cloud: Path) -> float:
    """Largest difference of two engines' outputs beside the largest output."""
    outputs = []
    for engine in engines:
        saved = cloud.with_name(f"{engine}.npy")
        _process("forward", engine=engine, cloud=cloud, repeats=1, save=saved)
        outputs.append(np.load(saved))
    return float(np.abs(outputs[0] - outputs[-1]).max() / np.abs(outputs[0]).max())


def _report(
    cloud: Cloud, task: str, gflop: float, peak: float, results: Results
) -> None:
    """Print one task on one cloud."""
    print(f"\n{task}, {cloud.name}: {len(cloud.features)} voxels, {gflop:.1f} GFLOP")
    seconds, memory = {}, {}
    for engine, turns in results.items():
        times = [time for turn in turns for time in turn["times"]]
        seconds[engine] = median(times)
        memory[engine] = median(turn["peak_mb"] for turn in turns)
        others = max(turn["others"] for turn in turns)
        growth = median(turn["peak_mb"] - turn["idle_mb"] for turn in turns)
        speed = gflop / seconds[engine]
        print(
            f"  {engine:10s} median {seconds[engine]:.3f} s, best {min(times):.3f} s, "
            f"{speed:.0f} GFLOP/s = {speed / peak:.0%} of {peak:.0f}, peak memory "
            f"{memory[engine]:.0f} MB, {growth:.0f} above the idle network"
        )
        if others > 0.05:
            print(
                f"  {'':10s} other processes used {others:.0%} of the cores meanwhile"
            )
    if len(results) > 1:
        ratio = seconds["minkowski"] / seconds["torch"]
        print(
            f"  ours is {ratio:.2f} times as fast (wanted {TARGETS[task]:.1f}), with "
            f"{memory['torch'] / memory['minkowski']:.2f} of the memory (wanted 1.00)"
        )
