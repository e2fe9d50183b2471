"""VGGT's seconds and memory by number of frames, with and without saving layers.

Every measurement is a process of its own, and the two take turns. "needed" keeps the
aggregator's layers that camera and depth head read, "all" every one. Memory is what
comes on top of the weights; per frame it is the slope of a straight line through the
numbers of frames.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from benchmarks.measuring import run_script
from benchmarks.vggt_process import SIZES
from matplotlib.figure import Figure

WAYS = ("needed", "all")
GOAL = 4.0  # times less memory per frame
Curves = Mapping[str, list[dict[str, float]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--model", choices=list(SIZES), default="narrow")
    add("--frames", type=int, nargs="+", default=[2, 4, 8, 12, 16])
    add("--size", default="518x168", help="WxH of the images")
    add("--device", default="cpu")
    add("--precision", choices=["float32", "bfloat16"], default="float32")
    add("--repeats", type=int, default=1, help="forward passes of each process")
    add("--step-frames", type=int, help="of a training step of strategy B, too")
    add("--out", type=Path, default=Path("work_dirs/benchmarks"))


def run(args: argparse.Namespace) -> int:
    """Print table and write the plot; 1 if a frame costs over a quarter of "all"."""
    curves: Curves = {way: [] for way in WAYS}
    print(f"{args.model}, {args.size}, {args.precision}, {args.device}")
    print("frames  needed: s, MB     all: s, MB")
    for frames in args.frames:
        for way in WAYS:
            result = _process(args, "forward", frames=frames, keep=way)
            curves[way].append(result)
        row = (
            f"{c[-1]['seconds']:9.2f} {c[-1]['peak_mb']:8.0f}" for c in curves.values()
        )
        print(f"{frames:6d}{''.join(row)}")
    slopes = {
        way: np.polyfit(args.frames, [point["peak_mb"] for point in curve], 1)[0]
        for way, curve in curves.items()
    }
    ratio = slopes["all"] / slopes["needed"]
    print(
        f"per frame {slopes['needed']:.1f} MB and {slopes['all']:.1f} MB: "
        f"{ratio:.1f} times less (at least {GOAL:g} wanted)"
    )
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / f"vggt_{args.model}.png"
    draw(args, curves).savefig(path)
    print(f"plot: {path}")
    for checkpointing in (0, 1) if args.step_frames else ():
        step = _process(
            args, "step", frames=args.step_frames, checkpointing=checkpointing
        )
        print(
            f"strategy B, {args.step_frames} frames, checkpointing "
            f"{'on ' if checkpointing else 'off'}: {step['seconds']:.1f} s, "
            f"{step['peak_mb']:.0f} MB beside {step['weights_mb']:.0f} MB of weights"
        )
    return int(ratio < GOAL)


def _process(args: argparse.Namespace, task: str, **options: object) -> dict:
    """What ``vggt_process.py`` prints."""
    width, height = args.size.split("x")
    same = {key: vars(args)[key] for key in ("model", "device", "precision", "repeats")}
    options |= {"width": width, "height": height, **same}
    return run_script("vggt_process.py", task, **options)


def draw(args: argparse.Namespace, curves: Curves) -> Figure:
    """Seconds and megabytes over the number of frames."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    for axes, key, label in zip(
        figure.subplots(1, 2),
        ("seconds", "peak_mb"),
        ("forward, s", "peak beside weights, MB"),
    ):
        for way, curve in curves.items():
            points = [point[key] for point in curve]
            axes.plot(args.frames, points, marker="o", label=f"{way} layers kept")
        axes.set(xlabel="frames", ylabel=label, ylim=(0, None))
        axes.grid(alpha=0.3)
        axes.legend()
    figure.suptitle(f"VGGT {args.model}, {args.size}, {args.precision}, {args.device}")
    return figure
