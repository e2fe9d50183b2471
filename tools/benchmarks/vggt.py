"""VGGT's seconds and memory by number of frames, with and without saving layers.

Every measurement is a process of its own, and the two take turns. "needed" keeps the
aggregator's layers that camera and depth head read, "all" every one. Memory is what
comes on top of the weights; per frame it is the slope of a straight line through the
numbers of frames.
"""

import argparse
import os
import statistics
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import peft
import torch
from benchmarks.measuring import PeakMemory, apart, timed
from matplotlib.figure import Figure
from torch import nn

from vantage3d.process.command import image_size
from vantage3d.vggt_lora.models import VGGT

LEVELS = dict(features=64, out_channels=(48, 96, 192, 192))
SIZES = {
    "narrow": dict(
        embed_dim=384,
        num_heads=6,
        patch_embed="dinov2_vits14_reg",
        dpt=dict(**LEVELS, intermediate_layer_idx=(4, 11, 17, 23)),
    ),
    "1b": {},
}
LAST_THIRD = tuple(
    f"aggregator.{kind}_blocks.{i}."
    for kind in ("frame", "global")
    for i in range(16, 24)
)
WAYS = ("needed", "all")
GOAL = 4.0  # times less memory per frame
Curves = Mapping[str, list[dict[str, float]]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--model", choices=list(SIZES), default="narrow")
    add("--frames", type=int, nargs="+", default=[2, 4, 8, 12, 16])
    add("--size", type=image_size, default=(518, 168), help="WxH of the images")
    add("--device", default="cpu")
    add("--precision", choices=["float32", "bfloat16"], default="float32")
    add("--repeats", type=int, default=1, help="forward passes of each process")
    add("--step-frames", type=int, help="of a training step of strategy B, too")
    add("--out", type=Path, default=Path("work_dirs/benchmarks"))


def run(args: argparse.Namespace) -> int:
    """Print table and write the plot; 1 if a frame costs over a quarter of "all"."""
    curves: Curves = {way: [] for way in WAYS}
    # Freed memory goes back at once, so the peak is that of what is in use.
    os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"
    print(title(args))
    print("frames  needed: s, MB     all: s, MB")
    for frames in args.frames:
        for way in WAYS:
            curves[way].append(apart(measure, args, "forward", frames, way))
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
    for checkpointing in (False, True) if args.step_frames else ():
        step = apart(measure, args, "step", args.step_frames, "needed", checkpointing)
        print(
            f"strategy B, {args.step_frames} frames, checkpointing "
            f"{'on ' if checkpointing else 'off'}: {step['seconds']:.1f} s, "
            f"{step['peak_mb']:.0f} MB beside {step['weights_mb']:.0f} MB of weights"
        )
    return int(ratio < GOAL)


def title(args: argparse.Namespace) -> str:
    """What is measured, and where."""
    width, height = args.size
    return f"{args.model}, {width}x{height}, {args.precision}, {args.device}"


def measure(
    args: argparse.Namespace,
    task: str,
    frames: int,
    keep: str,
    checkpointing: bool = False,
) -> dict[str, float]:
    """Median seconds, and megabytes above those of the network alone."""
    torch.manual_seed(0)
    device, (width, height) = torch.device(args.device), args.size
    with device:
        net = build(args.model, task, keep, checkpointing)
        images = torch.rand(1, frames, 3, height, width)
    autocast = torch.autocast(
        device.type, torch.bfloat16, enabled=args.precision == "bfloat16"
    )
    memory = PeakMemory(device)

    def once() -> None:
        with autocast, torch.set_grad_enabled(task == "step"):
            out = net(images)
        if task == "step":
            (out["depth"].mean() + out["pose_enc"].square().mean()).backward()

    times = [timed(once, device)[0] for _ in range(args.repeats)]
    return {
        "seconds": statistics.median(times),
        "peak_mb": memory.peak_mb() - memory.idle_mb,
        "weights_mb": sum(p.nbytes for p in net.parameters()) / 2**20,
    }


def build(model: str, task: str, keep: str, checkpointing: bool) -> VGGT:
    """The network: whole for ``forward``, with strategy B's adapters for ``step``."""
    sizes = dict(SIZES[model], checkpointing=checkpointing)
    net = VGGT(**sizes, enable_point=False, enable_track=False, frames_chunk_size=2)
    if keep == "all":
        net.kept_layers = tuple(range(net.depth))
    if task == "forward":
        return net.eval()
    layers = [
        name
        for name, module in net.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
        and name.startswith(("depth_head.", *LAST_THIRD))
    ]
    lora = peft.LoraConfig(r=16, lora_alpha=16, lora_dropout=0.1, target_modules=layers)
    return peft.inject_adapter_in_model(lora, net).train()


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
    figure.suptitle(f"VGGT {title(args)}")
    return figure
