"""Speed of feature extraction beside the bare forward of timm's network.

Both see the same images at the same padded size and batch size, with random weights.
The bare forward has its input on the device; the extraction reads JPEG files and writes
features to a temporary folder.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import timm
import torch
from benchmarks.measuring import timed
from PIL import Image

from vantage3d.backbones2d import NAMES, FeatureExtractor, build_extractor
from vantage3d.backbones2d.extraction import ExtractOptions, extract
from vantage3d.backbones2d.files import FeatureFolder, find_images
from vantage3d.backbones2d.networks import CLIP_RN50, DINOV2, autocast
from vantage3d.process.command import image_size
from vantage3d.process.machine import chosen_device

GOAL = 0.85


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--model", choices=NAMES, default="dinov2_vits14")
    add("--size", type=image_size, default=(640, 480), help="WxH of the images")
    add("--frames", type=int, default=16)
    add("--batch-size", type=int, default=4)
    add("--workers", type=int, default=1, help="processes that decode")
    add("--threads", type=int, default=torch.get_num_threads(), help="of torch")
    add("--repeats", type=int, default=3, help="of both in turn; the median counts")
    add("--form", choices=["pt", "safetensors"], default="pt")
    add("--device")
    add("--amp", action="store_true")


def run(args: argparse.Namespace) -> int:
    """Print both speeds; 1 if the extraction has less than 85 % of the bare one."""
    torch.set_num_threads(args.threads)
    device = torch.device(chosen_device(args.device))
    extractor = build_extractor(args.model, random_weights=True).to(device)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_images(root / "in/room/color", args.frames, args.size)
        bare = bare_forward(args, extractor, device)

        def ours() -> None:
            """The whole job, into a new folder each time."""
            with tempfile.TemporaryDirectory(dir=root) as out:
                extract(
                    find_images(root / "in"),
                    extractor,
                    FeatureFolder(Path(out), args.form),
                    ExtractOptions(args.batch_size, args.workers, device, args.amp),
                )

        rounds = [
            (timed(bare, device)[0], timed(ours, device)[0])
            for _ in range(args.repeats)
        ]
    bare_s, ours_s = np.median(rounds, axis=0)
    share = np.median([theirs / ours for theirs, ours in rounds])
    print(
        f"{args.model}, {args.frames} images of {args.size[0]}x{args.size[1]}, batch "
        f"{args.batch_size}, {device}, amp {args.amp}, {args.threads} threads, "
        f"{args.workers} workers\n"
        f"bare timm forward {args.frames / bare_s:8.2f} images/s\n"
        f"extraction        {args.frames / ours_s:8.2f} images/s\n"
        f"share             {share:8.1%} (goal {GOAL:.0%})"
    )
    return int(share < GOAL)


def write_images(folder: Path, count: int, size: tuple[int, int]) -> None:
    """JPEGs with as much detail as a photo has, about 100 kB at 640 x 480."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    small = (max(1, size[0] // 4), max(1, size[1] // 4), 3)
    for number in range(count):
        noise = rng.integers(0, 256, (small[1], small[0], 3), np.uint8)
        image = Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)
        image.save(folder / f"{number}.jpg", quality=90)


def bare_forward(
    args: argparse.Namespace, extractor: FeatureExtractor, device: torch.device
) -> Callable[[], None]:
    """timm's own network on inputs that are ready on the device."""
    pixels = torch.rand(args.batch_size, 3, args.size[1], args.size[0])
    ready = extractor.prepare(pixels.to(device))
    forward = bare_network(args.model, device)

    @torch.inference_mode()
    def go() -> None:
        left = args.frames
        while left > 0:
            with autocast(device, args.amp):
                forward(ready[: min(left, args.batch_size)])
            left -= args.batch_size

    return go


def bare_network(name: str, device: torch.device) -> Callable:
    """timm's forward up to the layer that is extracted."""
    if name == CLIP_RN50:
        network = timm.create_model(
            "resnet50_clip", features_only=True, out_indices=[2], pretrained=False
        )
        return network.eval().to(device)
    vit = timm.create_model(DINOV2[name], num_classes=0, dynamic_img_size=True)
    return vit.eval().to(device).forward_features
