"""Time and memory of all depth metrics on made-up windows, without any network.

The windows are views of the synthetic street, with noise of their own each; seconds are
of the metrics alone. CPU seconds count, since they depend less on what else runs.
"""

import argparse
import time
from typing import NamedTuple

import numpy as np
from benchmarks.measuring import PeakMemory
from numpy.typing import NDArray

from vantage3d.evaluation.running_summary import RunningSummary
from vantage3d.evaluation.windows.contracts import (
    GROUPS,
    MetricOptions,
    WindowPrediction,
    WindowTruth,
)
from vantage3d.evaluation.windows.measure import measure_window
from vantage3d.geometry import invert_rigid
from vantage3d.process.parallel import run_parallel
from vantage3d.synthetic.streets import film, make_street
from vantage3d.synthetic.streets.drive import SPEED, Drive, make_rig

FOCAL = 0.67  # of the image width: 73.5 degrees, as the wide crop of KITTI-360
STEP_S, SKY = 0.1, 60.0  # metres where there is nothing
UNIT = 0.1  # of the predictions, per metre


class Job(NamedTuple):
    """Windows for one process.

    ``models`` answer each and share what is of its truth alone; ``coverage`` is the
    share of pixels with true depth.
    """

    windows: int
    models: int
    seq_len: int
    size: tuple[int, int]
    coverage: float
    groups: tuple[str, ...]
    seed: int


class Cost(NamedTuple):
    """What a job took: seconds, and 2^20 bytes of memory."""

    frames: int
    cpu_s: float
    wall_s: float
    start_mb: float
    tenth_mb: float
    peak_mb: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--seq-len", type=int, default=8)
    text = "that see each window; frames of all of them count"
    parser.add_argument("--models", type=int, default=1, help=text)
    parser.add_argument("--size", type=int, nargs=2, default=(518, 168), metavar="PX")
    parser.add_argument(
        "--coverage", type=float, default=1.0, help="share of pixels with true depth"
    )
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--groups", nargs="+", choices=GROUPS, default=GROUPS)
    parser.add_argument("--seed", type=int, default=0)


def run(args: argparse.Namespace) -> int:
    """Print seconds and memory of all groups together, and CPU seconds of each."""
    windows = -(-args.frames // (args.seq_len * args.models))
    size, groups = (args.size[0], args.size[1]), tuple(args.groups)
    shares = [len(part) for part in np.array_split(range(windows), args.workers)]
    jobs = [
        Job(
            share, args.models, args.seq_len, size, args.coverage, groups, args.seed + i
        )
        for i, share in enumerate(shares)
    ]
    costs = list(run_parallel(measure, jobs, args.workers, __name__))
    frames = sum(cost.frames for cost in costs)
    cpu, slowest = sum(c.cpu_s for c in costs), max(c.wall_s for c in costs)
    print(f"{frames} frames of {size[0]}x{size[1]}, {args.coverage:.0%} with depth")
    print(f"metrics: {cpu:.1f} CPU s, {cpu / frames * 1e3:.1f} ms per frame")
    print(f"{args.workers} processes: {slowest:.1f} s, start and pictures excluded")
    for cost in costs:
        print(
            f"memory: {cost.start_mb:.0f} MB before, {cost.tenth_mb:.0f} MB at peak of "
            f"the first tenth, {cost.peak_mb:.0f} MB at peak"
        )
    for group in args.groups:
        cost = measure(jobs[0]._replace(windows=2, groups=(group,)))
        print(f"  {group:12s}{cost.cpu_s / cost.frames * 1e3:7.1f} ms per frame")
    return 0


def measure(job: Job) -> Cost:
    """Measure the windows of a job."""
    truth, depth = make_truth(job)
    options, summary = MetricOptions(groups=job.groups), RunningSummary()
    rng = np.random.default_rng(job.seed)
    numbers = [[number] for number in range(job.seq_len)]
    memory, tenth_mb, cpu, wall = PeakMemory(), 0.0, 0.0, 0.0
    for number in range(job.windows):
        known = {} if job.models > 1 else None
        for _ in range(job.models):
            prediction = make_prediction(truth, depth, rng)
            start = time.process_time(), time.perf_counter()
            record = measure_window(prediction, truth, options, known)
            summary.add(record.frames, truth.sequence, numbers)
            cpu += time.process_time() - start[0]
            wall += time.perf_counter() - start[1]
        if number <= job.windows // 10:
            tenth_mb = memory.peak_mb()
    frames = job.windows * job.models * job.seq_len
    return Cost(frames, cpu, wall, memory.idle_mb, tenth_mb, memory.peak_mb())


def make_truth(job: Job) -> tuple[WindowTruth, NDArray[np.float32]]:
    """A window of a street with the wanted coverage, and (V, H, W) depth of it all."""
    width, height = job.size
    K = np.eye(3)
    K[0, 0] = K[1, 1] = FOCAL * width
    K[:2, 2] = (width - 1) / 2, (height - 1) / 2
    rig, drive = make_rig(), Drive(1.55, SPEED, 1.0)
    street = make_street("suburb", 1, 24.0, 3.0)
    times = [i * STEP_S for i in range(job.seq_len)]
    poses = [drive.imu2street(t) @ rig.cam2imu(0) for t in times]
    shots = [film(street, K, p, job.size, t) for p, t in zip(poses, times)]
    depth = np.stack([shot.depth for shot in shots]).astype(np.float32)
    images = np.stack([shot.color for shot in shots]).astype(np.float32) / 255
    kept = np.random.default_rng(job.seed).random(depth.shape) < job.coverage
    truth = WindowTruth(
        images=np.ascontiguousarray(images.transpose(0, 3, 1, 2)),
        depth=np.where(kept, depth, 0),
        valid=kept & (depth > 0),
        world2cam=invert_rigid(np.stack(poses)),
        K=np.tile(K, (job.seq_len, 1, 1)),
        semantics=np.stack([shot.semantic for shot in shots]).astype(np.int16),
        instances=np.stack([shot.instance for shot in shots]),
        names=tuple(str(i) for i in range(job.seq_len)),
        sequence="street",
    )
    return truth, np.where(depth > 0, depth, np.float32(SKY))


def make_prediction(
    truth: WindowTruth, depth: NDArray[np.float32], rng: np.random.Generator
) -> WindowPrediction:
    """Depth with smooth waves and noise, cameras with some, in another unit."""
    waves = np.sin(np.arange(depth.shape[2]) / 60 + rng.uniform(0, 6)) * 0.05
    noise = rng.normal(0, 0.005, depth.shape)
    predicted = UNIT * depth * np.exp(waves + noise)
    world2cam = truth.world2cam.copy()
    world2cam[:, :3, 3] *= UNIT
    world2cam[:, :3, 3] += rng.normal(0, 0.002, (len(world2cam), 3))
    return WindowPrediction(predicted.astype(np.float32), world2cam, truth.K)
