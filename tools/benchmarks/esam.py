"""Milliseconds of each stage of ESAM on single frames of a recording.

Medians over frames and rounds of one process, after a first round that does not count:
it makes buffers and folds the norms. The processor's time is that of all threads, and
depends less on what else runs.
"""

import argparse
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from benchmarks.measuring import Stage, StageClock
from numpy.typing import NDArray

from vantage3d.esam import RGBDSegmenter
from vantage3d.inference import Group, InputFrame, open_footage
from vantage3d.process.machine import processor

STAGES = {
    "superpoints": Stage("_view"),
    "points drawn": Stage("_draw"),
    "network of voxels": Stage("model.backbone.forward"),
    "voxels, pooling": Stage("model.extract_feat", ("network of voxels",)),
    "decoder": Stage("model.decoder.forward"),
    "instances of points": Stage("model.prediction"),
    "masks of pixels": Stage("_prediction"),
}
STAGES["the rest"] = Stage("predict", tuple(STAGES))
Times = dict[str, NDArray[np.float64]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("source", type=Path, help="a recording with depth, in any layout")
    add("--weights", required=True, help="a checkpoint, or the work dir of a run")
    add("--config", help="if it does not lie beside the weights")
    add("--frames", type=int, default=3)
    add("--rounds", type=int, default=5, help="after one that does not count")
    add("--threads", type=int, help="torch's default if not given")
    add("--bf16", action="store_true", help="network of voxels in half precision")
    add("--device", default="cpu")


def run(args: argparse.Namespace) -> int:
    """Print the table."""
    if args.threads:
        torch.set_num_threads(args.threads)
    predictor = RGBDSegmenter(args.weights, args.config, args.device, bf16=args.bf16)
    frames = list(islice(open_footage(args.source), args.frames))
    times = measure(predictor, frames, args.rounds)
    kind = "bfloat16" if args.bf16 else "float32"
    print(f"{processor()}, {torch.get_num_threads()} threads, {kind}, ", end="")
    print(f"{len(frames)} frames")
    print(f"{'stage':22s}{'ms':>8s}{'CPU ms':>9s}")
    whole = sum(times.values())
    for name, values in {**times, "whole frame": whole}.items():
        ms, cpu_ms = 1e3 * np.median(values, axis=0)
        print(f"{name:22s}{ms:8.1f}{cpu_ms:9.1f}")
    return 0


def measure(predictor: RGBDSegmenter, frames: list[InputFrame], rounds: int) -> Times:
    """(rounds * frames, 2) seconds of the clock and of the processor by stage."""
    clock = StageClock(predictor, STAGES)
    times: dict[str, list[NDArray[np.float64]]] = {name: [] for name in STAGES}
    for number in range((1 + rounds) * len(frames)):
        group = Group([frames[number % len(frames)]], 1)
        for name, seconds in clock.spent(predictor.predict, group).items():
            times[name].append(seconds)
    return {name: np.array(rows[len(frames) :]) for name, rows in times.items()}
