"""Our sparse engine beside MinkowskiEngine on Res16UNet34C, in one run.

Every measurement is a process of its own, and the engines take turns (A B A B). Each
step starts from bare coordinates: making the coordinate maps is inside both times.
Prediction is as the project predicts, without autograd and with the norms of both
engines folded; MinkowskiEngine has no half precision and runs in single beside ours.
"""

import argparse
import gc
import importlib.util
import os
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

import cv2
import numpy as np
import torch
from benchmarks.measuring import (
    DATA,
    RECORDING,
    PeakMemory,
    apart,
    recorded_depth,
    timed,
)
from torch import Tensor, nn

from vantage3d.engine.folding import fold_norms
from vantage3d.esam.inference import check_bf16, halve
from vantage3d.geometry import unproject
from vantage3d.sparse import floor_coordinates, voxelize
from vantage3d.synthetic import make_room, scene_mesh

ENGINES = ("torch", "minkowski")
ONE_THREAD = "torch, one thread"
TARGETS = {"predict": 2.5, "predict_bf16": 3.5, "train": 2.0}
TOLERANCE = 1e-4
VOXEL_SIZE = 0.02
FRAME_POINTS = 20_000
SCAN_VOXELS = 120_000
PEAK_SIZE = 3000  # of the square product that stands for the machine's peak
Results = dict[str, list[dict]]
Arrays = tuple[np.ndarray, np.ndarray]  # coordinates and features of a cloud


class Cloud(NamedTuple):
    """Voxels in an order unlike any engine's."""

    name: str
    coordinates: Tensor  # (N, 4) int32 [batch, x, y, z]
    features: Tensor  # (N, 3) colours in -1..1


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
    if "predict_bf16" in args.tasks:
        try:
            check_bf16("cpu")
        except ValueError as error:
            print(f"predict_bf16 is left out: {error}")
            args.tasks = [task for task in args.tasks if task != "predict_bf16"]
    source, clouds = make_clouds(args.data, args.seed)
    if args.clouds:
        clouds = [cloud for cloud in clouds if cloud.name.split()[1] in args.clouds]
    print(f"Res16UNet34C(3, 96) on {source}, voxels of {VOXEL_SIZE} m")
    if len(engines) == 1:
        print("MinkowskiEngine is not installed (`make minkowski`): ours alone")
    worst, repeats = 0.0, args.repeats
    peaks = [apart(peak_gflops, repeats)]
    for cloud in clouds:
        arrays = cloud.coordinates.numpy(), cloud.features.numpy()
        gflop = apart(count_gflop, arrays)
        for task in args.tasks:
            rows = [*engines, ONE_THREAD] if torch.get_num_threads() > 1 else engines
            results: Results = {row: [] for row in rows}
            for _ in range(args.rounds):
                for engine, turns in results.items():
                    turns.append(apart(measure, engine, arrays, task, repeats))
            peaks.append(apart(peak_gflops, repeats))
            work = gflop * (3 if task == "train" else 1)
            _report(cloud, task, work, max(peaks), results)
        outputs = [apart(output, engine, arrays) for engine in engines]
        difference = np.abs(outputs[0] - outputs[-1]).max() / np.abs(outputs[0]).max()
        worst = max(worst, float(difference))
    if len(engines) > 1:
        print(f"largest difference of outputs / largest output: {worst:.1e}")
    return int(worst > TOLERANCE)


def peak_gflops(repeats: int) -> float:
    """Best speed of one large single-precision matrix product, 1e9 / s."""
    a, b = torch.randn(2, PEAK_SIZE, PEAK_SIZE)
    times = [timed(lambda: a @ b)[0] for _ in range(repeats + 1)]
    return 2 * PEAK_SIZE**3 / min(times) / 1e9


def backbone(engine: str, task: str) -> nn.Module:
    """The network with the weights that every engine gets."""
    from vantage3d.esam.models import Res16UNet34C

    torch.manual_seed(0)
    return Res16UNet34C(3, 96, backend=engine).train(task == "train")


def forward(net: nn.Module, cloud: Arrays) -> Tensor:
    """Features of the network, from bare coordinates: maps are made anew."""
    coordinates, features = (torch.from_numpy(array) for array in cloud)
    return net(net.engine.tensor(features, coordinates)).features


@torch.no_grad()
def output(engine: str, cloud: Arrays) -> np.ndarray:
    """What an engine's network says."""
    return forward(backbone(engine, "predict"), cloud).numpy()


def measure(engine: str, cloud: Arrays, task: str, repeats: int) -> dict:
    """Times of predictions or of training steps, and memory."""
    if engine == ONE_THREAD:
        engine = "torch"
        torch.set_num_threads(1)
    net = backbone(engine, task)
    if task != "train":
        fold_norms(net, lambda: forward(net, cloud))
    if task == "predict_bf16" and engine == "torch":
        halve(net, "cpu")

    def step() -> None:
        with torch.set_grad_enabled(task == "train"):
            features = forward(net, cloud)
        if task == "train":
            features.square().mean().backward()
            net.zero_grad()

    gc.collect()
    memory = PeakMemory()
    step()  # the first step also loads code and makes buffers
    others_s = -other_processes_s()
    times = [timed(step)[0] for _ in range(repeats)]
    others_s += other_processes_s()
    return {
        "times": times,
        "idle_mb": memory.idle_mb,
        "peak_mb": memory.peak_mb(),
        "others": others_s / (sum(times) * (os.cpu_count() or 1)),
    }


def count_gflop(cloud: Arrays) -> float:
    """Multiplications and additions of all convolutions that a forward pass needs."""
    from vantage3d.sparse.layers import Conv, ConvTranspose
    from vantage3d.sparse.plans import build_plan

    total, net = 0, backbone("torch", "predict")

    def note(layer, inputs, output):
        nonlocal total
        source = inputs[0].level
        if layer.kernel.ndim == 2:
            pairs = len(source)
        else:
            inverse = isinstance(layer, ConvTranspose)
            plan = build_plan(source, output.level, layer.shape, inverse)
            pairs = sum(len(block.gather) for block in plan.blocks)
        total += 2 * pairs * layer.in_channels * layer.out_channels

    for layer in net.modules():
        if isinstance(layer, Conv | ConvTranspose):
            layer.register_forward_hook(note)
    with torch.no_grad():
        forward(net, cloud)
    return total / 1e9


def other_processes_s() -> float:
    """Processor seconds that everything but this process has used so far."""
    with open("/proc/stat") as file:
        ticks = [int(value) for value in file.readline().split()[1:9]]
    idle = ticks[3] + ticks[4]
    return (sum(ticks) - idle) / os.sysconf("SC_CLK_TCK") - time.process_time()


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
            f"  {engine:17s} median {seconds[engine]:.3f} s, best {min(times):.3f} s, "
            f"{speed:.0f} GFLOP/s = {speed / peak:.0%} of {peak:.0f}, peak memory "
            f"{memory[engine]:.0f} MB, {growth:.0f} above the idle network"
        )
        if others > 0.05:
            print(
                f"  {'':17s} other processes used {others:.0%} of the cores meanwhile"
            )
    if ONE_THREAD in seconds:
        ratio = seconds[ONE_THREAD] / seconds["torch"]
        threads = torch.get_num_threads()
        print(f"  {threads} threads are {ratio:.2f} times as fast as one")
    if "minkowski" in results:
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
        source = f"a made-up room ({folder} is absent)"
        room = make_room(seed)
        mesh = scene_mesh(room, room.bounds, spacing=0.015)
        frames = [np.hstack([mesh.vertices, mesh.colors / 127.5 - 1])]
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
