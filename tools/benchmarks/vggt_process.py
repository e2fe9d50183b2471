"""One VGGT in a process of its own; prints seconds and peak memory as JSON."""

import argparse
import json
import statistics

import peft
import torch
from benchmarks.measuring import PeakMemory, timed
from torch import nn

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


def main() -> None:
    parser = argparse.ArgumentParser()
    add = parser.add_argument
    add("task", choices=["forward", "step"])
    add("--model", choices=list(SIZES), default="narrow")
    add("--keep", choices=["needed", "all"], default="needed", help="layers")
    add("--checkpointing", type=int, default=0)
    add("--frames", type=int, required=True)
    add("--height", type=int, default=168)
    add("--width", type=int, default=518)
    add("--device", default="cpu")
    add("--precision", choices=["float32", "bfloat16"], default="float32")
    add("--repeats", type=int, default=1)
    print(json.dumps(measure(parser.parse_args())))


def measure(args: argparse.Namespace) -> dict[str, float]:
    """Median seconds, and megabytes above those of the network alone."""
    torch.manual_seed(0)
    device = torch.device(args.device)
    with device:
        net = build(args)
        images = torch.rand(1, args.frames, 3, args.height, args.width)
    autocast = torch.autocast(
        device.type, torch.bfloat16, enabled=args.precision == "bfloat16"
    )
    memory = PeakMemory(device)

    def once() -> None:
        with autocast, torch.set_grad_enabled(args.task == "step"):
            out = net(images)
        if args.task == "step":
            (out["depth"].mean() + out["pose_enc"].square().mean()).backward()

    times = [timed(once, device)[0] for _ in range(args.repeats)]
    return {
        "seconds": statistics.median(times),
        "peak_mb": memory.peak_mb() - memory.idle_mb,
        "weights_mb": sum(p.nbytes for p in net.parameters()) / 2**20,
    }


def build(args: argparse.Namespace) -> VGGT:
    """The network: whole for "forward", with strategy B's adapters for "step"."""
    sizes = dict(SIZES[args.model], checkpointing=bool(args.checkpointing))
    net = VGGT(**sizes, enable_point=False, enable_track=False, frames_chunk_size=2)
    if args.keep == "all":
        net.kept_layers = tuple(range(net.depth))
    if args.task == "forward":
        return net.eval()
    layers = [
        name
        for name, module in net.named_modules()
        if isinstance(module, nn.Linear | nn.Conv2d)
        and name.startswith(("depth_head.", *LAST_THIRD))
    ]
    lora = peft.LoraConfig(r=16, lora_alpha=16, lora_dropout=0.1, target_modules=layers)
    return peft.inject_adapter_in_model(lora, net).train()


if __name__ == "__main__":
    main()
