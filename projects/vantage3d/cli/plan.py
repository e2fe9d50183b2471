"""``plan``."""

import argparse

from vantage3d.cli.arguments import add_cfg_options, add_config, command_parser
from vantage3d.process.command import one_message


def plan(argv: list[str] | None = None) -> None:
    """Say what a config will need of a device's memory; none is needed for it here.

    Example:
        vantage3d plan configs/vggt_lora/lora_kitti360_strategy_b.py --frames 8 \\
            --size 168x518 --device-memory 24G

    Parameters, what the optimizer keeps, activations kept for the backward pass with
    and without checkpointing, the peak, and the largest number that fits; for training
    and for prediction.
    """
    parser = command_parser(plan.__doc__ or "")
    add_config(parser)
    add = parser.add_argument
    text = "frames of a sample (VGGT), its views (DELTAS), samples of a batch (ESAM)"
    add("--frames", type=int, default=8, help=text)
    text = "HxW of the images, height first"
    add("--size", type=_height_width, required=True, metavar="HxW", help=text)
    text = "such as 24G: says the largest number that fits"
    add("--device-memory", metavar="SIZE", help=text)
    add_cfg_options(parser, "model.precision=float32")
    args = parser.parse_args(argv)
    with one_message("stopped; nothing was written"):
        from vantage3d.engine.configs.config import load_config
        from vantage3d.planning.plan import make_plan, memory_size, plan_text

        device = memory_size(args.device_memory) if args.device_memory else None
        cfg = load_config(args.config, args.cfg_options)
        found = make_plan(cfg, args.frames, args.size, device)
        print(plan_text(found, args.frames, args.size, device))


def _height_width(text: str) -> tuple[int, int]:
    """``168x518`` as (168, 518)."""
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit() and int(height) and int(width)):
        raise argparse.ArgumentTypeError(f"must look like 168x518, got {text!r}")
    return int(height), int(width)
