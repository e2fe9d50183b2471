"""Our sparse engine beside MinkowskiEngine on Res16UNet34C, in one run.

Every measurement is a process of its own, and the engines take turns (A B A B). Each
step starts from bare coordinates: making the coordinate maps is inside both times.
"""

import argparse
import importlib.util
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import torch
from benchmarks.measuring import DATA, RECORDING, recorded_depth, run_script
from torch import Tensor

from vantage3d.geometry import unproject
from vantage3d.sparse import floor_coordinates, voxelize

ENGINES = ("torch", "minkowski")
TARGETS = {"forward": 2.0, "train": 1.6}
TOLERANCE = 1e-4
VOXEL_SIZE = 0.02
FRAME_POINTS = 20_000
SCAN_VOXELS = 120_000
SCRIPT = "sparse_process.py"
Results = dict[str, list[dict]]


@dataclass(frozen=True)
class Cloud:
    """Voxels in an order unlike any engine's.

    Attributes:
        name: What it shows.
        coordinates: (N, 4) int32 [batch, x, y, z].
        features: (N, 3) colours in -1..1.
    """

    name: str
    coordinates: Tensor
    features: Tensor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    parser.add_argument("--rounds", type=int, default=2, help="turns of each engine")
    parser.add_argument("--repeats", type=int, default=5, help="steps in each turn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=DATA, help="recordings")
    parser.add_argument(
        "--tasks", nargs="+", choices=list(TARGETS), default=list(TARGETS)
    )
    parser.add_argument("--clouds", nargs="+", choices=["frame", "scan"])


def run(args: argparse.Namespace) -> int:
    """Print the table; 1 if the engines' outputs differ by more than 1e-4."""
    engines = list(ENGINES)
    if not importlib.util.find_spec("MinkowskiEngine"):
        engines.remove("minkowski")
    source, clouds = make_clouds(args.data, args.seed)
    if args.clouds:
        clouds = [cloud for cloud in clouds if cloud.name.split()[1] in args.clouds]
    print(f"Res16UNet34C(3, 96) on {source}, voxels of {VOXEL_SIZE} m")
    if len(engines) == 1:
        print("MinkowskiEngine is not installed (`make minkowski`): ours alone")
    worst = 0.0
    with tempfile.TemporaryDirectory() as folder:
        peaks = [run_script(SCRIPT, "peak", repeats=args.repeats)["gflops"]]
        for cloud in clouds:
            path = Path(folder) / "cloud.npz"
            np.savez(path, coordinates=cloud.coordinates, features=cloud.features)
            gflop = run_script(SCRIPT, "count", cloud=path)["gflop"]
            for task in args.tasks:
                results = _take_turns(args, engines, task, path)
                peaks.append(run_script(SCRIPT, "peak", repeats=args.repeats)["gflops"])
                work = gflop * (3 if task == "train" else 1)
                _report(cloud, task, work, max(peaks), results)
            worst = max(worst, _difference(engines, path))
    if len(engines) > 1:
        print(f"largest difference of outputs / largest output: {worst:.1e}")
    return int(worst > TOLERANCE)


def _take_turns(
    args: argparse.Namespace, engines: list[str], task: str, cloud: Path
) -> Results:
    """Per engine the results of its turns."""
    results: Results = {engine: [] for engine in engines}
    for _ in range(args.rounds):
        for engine in engines:
            done = run_script(
                SCRIPT, task, engine=engine, cloud=cloud, repeats=args.repeats
            )
            results[engine].append(done)
    return results


def _difference(engines: list[str], cloud: Path) -> float:
    """Largest difference of two engines' outputs beside the largest output."""
    outputs = []
    for engine in engines:
        saved = cloud.with_name(f"{engine}.npy")
        run_script(SCRIPT, "forward", engine=engine, cloud=cloud, repeats=1, save=saved)
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


def make_clouds(data_root: Path, seed: int) -> tuple[str, list[Cloud]]:
    """Where the geometry is from; one frame of 20 000 points, and 120 000 voxels."""
    rng = np.random.default_rng(seed)
    folder = data_root / RECORDING
    if folder.is_dir():
        source = f"depth frames of {folder.name}, back-projected"
        frames = _recorded_frames(folder)
    else:
        source = f"made-up rooms ({folder} is absent)"
        frames = _made_up_frames(rng)
    first = frames[0]
    chosen = rng.choice(len(first), min(FRAME_POINTS, len(first)), replace=False)
    frame = _voxels("one frame", first[chosen], len(chosen), rng)
    scan = _voxels("whole scan", np.concatenate(frames), SCAN_VOXELS, rng)
    return source, [frame, scan]


def _voxels(
    name: str, points: np.ndarray, most: int, rng: np.random.Generator
) -> Cloud:
    xyz, rgb = torch.from_numpy(points).float().split(3, dim=1)
    voxels, _ = voxelize(floor_coordinates([xyz.contiguous()], VOXEL_SIZE), rgb)
    count = min(most, len(voxels.coordinates))  # the first rows are a connected region
    order = torch.from_numpy(rng.permutation(count))
    return Cloud(name, voxels.coordinates[order], voxels.features[order])


def _recorded_frames(folder: Path) -> list[np.ndarray]:
    """Per frame (N, 6) world points in metres and colours in -1..1."""
    K = np.loadtxt(folder / "camera-intrinsics.txt")
    frames = []
    for path in sorted(folder.glob("frame-*.depth.png")):
        stem = path.name.removesuffix(".depth.png")
        cam2world = np.loadtxt(folder / f"{stem}.pose.txt")
        depth = recorded_depth(path)
        bgr = cv2.imread(str(folder / f"{stem}.color.jpg"))
        points, rgb = unproject(depth, K, cam2world), bgr[..., ::-1] / 127.5 - 1
        frames.append(np.concatenate([points, rgb], -1)[depth > 0])
    return frames


def _made_up_frames(rng: np.random.Generator) -> list[np.ndarray]:
    """A 5 x 4 x 2.6 m room with boxes, surfaces seen with 5 mm noise, in 12 parts."""
    boxes = [((0.0, 0.0, 0.0), (5.0, 4.0, 2.6))]
    for _ in range(12):
        low = rng.uniform((0.1, 0.1, 0.0), (4.0, 3.0, 0.3))
        boxes.append((tuple(low), tuple(low + rng.uniform(0.3, 0.9, 3))))
    frames = []
    for _ in range(12):
        points = np.concatenate([_surface(rng, *box) for box in boxes])
        frames.append(np.hstack([points, rng.uniform(-1, 1, points.shape)]))
    return frames


def _surface(
    rng: np.random.Generator, low: tuple[float, ...], high: tuple[float, ...]
) -> np.ndarray:
    """(N, 3) noisy points on the six faces of a box, 2500 per square metre."""
    size = np.subtract(high, low)
    faces = []
    for axis in range(3):
        area = size.prod() / size[axis]
        for end in (0.0, 1.0):
            unit = rng.random((int(2500 * area), 3))
            unit[:, axis] = end
            faces.append(low + unit * size + rng.normal(0, 0.005, unit.shape))
    return np.concatenate(faces)
