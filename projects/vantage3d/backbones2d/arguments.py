"""Command lines of tools/extract_*.py."""

import argparse
import os
from pathlib import Path

import torch

from vantage3d.backbones2d.build import build_extractor
from vantage3d.backbones2d.extraction import Extracted, ExtractOptions, extract
from vantage3d.backbones2d.files import FOLDER, FeatureFolder, find_images
from vantage3d.io.features import FORMS
from vantage3d.process.command import image_size
from vantage3d.process.lock import locked
from vantage3d.process.machine import chosen_device
from vantage3d.process.shards import add_shard, read_shard


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of every extraction."""
    add = parser.add_argument
    add("--root-path", type=Path, required=True, help="ScanNet export or RGB-D folder")
    add("--out-dir", type=Path, required=True, help="the dataset")
    add("--folder", default=FOLDER, help="in the dataset: FOLDER/<scene>/<frame>.pt")
    add(
        "--form",
        choices=FORMS,
        default="pt",
        help="bare fp16 tensors, or safetensors that say what made them",
    )
    add(
        "--frame-interval",
        "--frame-stride",
        type=int,
        help="ScanNet: frames whose number is a multiple, 200 by default (40 for "
        "sequences); RGB-D folder: every so many-th frame, 1 by default",
    )
    add("--scenes", nargs="+", default=[], help="only these; default: all")
    add = parser.add_argument_group("network").add_argument
    add("--weights", type=Path, help="default: work_dirs/pretrained, else the hub")
    add("--random-weights", action="store_true", help="no file; for tests only")
    add(
        "--input-size",
        type=image_size,
        metavar="WxH",
        help="images are scaled in proportion to fit into it; default: as stored",
    )
    add = parser.add_argument_group("how it runs").add_argument
    add("--batch-size", type=int, default=8, help="images at once")
    add("--workers", type=int, default=2, help="processes that decode; 0 for none")
    add("--device", help="default: cuda where there is one (LOCAL_RANK's), else cpu")
    add(
        "--amp",
        action=argparse.BooleanOptionalAction,
        help="mixed precision; default: on CUDA",
    )
    add_shard(parser)
    add("--overwrite", action="store_true", help="make finished files again")
    add(
        "--on-bad",
        choices=["error", "skip"],
        default="error",
        help="images that cannot be read: an error after the others, or only told",
    )


def run(
    name: str, args: argparse.Namespace, layers: list[int] | None = None
) -> Extracted:
    """Extract as the command line says.

    Args:
        name: Name of the network.
        args: What :func:`add_arguments` described.
        layers: Numbers of the blocks of DINOv2 to join.

    Raises:
        ValueError: For options that cannot be; see also :func:`extract`.
        FileNotFoundError: If images or weights are missing.
    """
    for option, value, least in (
        ("--batch-size", args.batch_size, 1),
        ("--workers", args.workers, 0),
    ):
        if value < least:
            raise ValueError(f"{option} must be at least {least}, got {value}")
    chosen = chosen_device(args.device)
    if args.device is None and chosen == "cuda":  # of several processes each its own
        chosen = chosen_device(f"cuda:{os.environ.get('LOCAL_RANK', 0)}")
    device = torch.device(chosen)
    options = ExtractOptions(
        batch_size=args.batch_size,
        workers=args.workers,
        device=device,
        amp=device.type == "cuda" if args.amp is None else args.amp,
        shard=read_shard(args.rank, args.world_size),
        overwrite=args.overwrite,
        skip_bad=args.on_bad == "skip",
    )
    frames = find_images(args.root_path, args.frame_interval, args.scenes)
    extractor = build_extractor(
        name, args.weights, args.random_weights, layers, args.input_size
    )
    folder = FeatureFolder(args.out_dir / args.folder, args.form)
    shard = options.shard
    with locked(folder.root, "--folder", shard.rank, shard.world_size):
        return extract(frames, extractor, folder, options)
