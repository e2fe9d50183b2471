"""DELTAS's three stages beside a bare ResNet-50 of torchvision on the same images.

Everything runs in one process and takes turns; a ratio is the median over the rounds of
a stage's time by that round's ResNet-50. Weights are random: they change no time.
"""

import argparse
import statistics
from collections.abc import Callable

import torch
from benchmarks.measuring import cameras_side_by_side, timed
from torchvision.models import resnet50

from vantage3d.deltas.models import DELTAS
from vantage3d.deltas.models.estimator import relative_poses

# Seconds of the released implementation with 3 images of 320x240 and 512 keypoints, the
# least of several runs on two shared cores, and what part of its detector's
# multiplications is a ResNet-50 (6.33 of 8.25 G per image).
REFERENCE_S = {"supernet": 1.9, "trinet": 1.5, "depthnet": 2.6}
RESNET_S = REFERENCE_S["supernet"] * 6.33 / 8.25
GOAL = 0.8
TRIANGULATION_GOAL = 0.05  # of the total


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    add = parser.add_argument
    add("--size", default="320x240", help="WxH of the images")
    add("--views", type=int, default=2, help="beside the anchor")
    add("--keypoints", type=int, default=512)
    add("--rounds", type=int, default=7, help="after one that does not count")
    add("--threads", type=int, help="torch's default if not given")
    add("--device", default="cpu")
    add("--legacy", action="store_true", help="the released implementation's numerics")


def run(args: argparse.Namespace) -> int:
    """Print the table; 1 if the stages take over 0.8 of the reference's ratio."""
    if args.threads:
        torch.set_num_threads(args.threads)
    times = measure(args)
    ratios = {
        stage: statistics.median(t / r for t, r in zip(values, times["resnet50"]))
        for stage, values in times.items()
    }
    print(f"{args.size}, 1 + {args.views} images, {args.keypoints} keypoints")
    print("stage           s (least)  ratio  released  of released")
    for stage, values in times.items():
        row = f"{stage:16s}{min(values):9.3f}{ratios[stage]:7.2f}"
        if stage in REFERENCE_S:
            reference = REFERENCE_S[stage] / RESNET_S
            row += f"{reference:10.2f}{ratios[stage] / reference:13.2f}"
        print(row)
    total = sum(ratios[stage] for stage in REFERENCE_S)
    reference = sum(REFERENCE_S.values()) / RESNET_S
    share = ratios["triangulation"] / total
    print(
        f"{'three stages':25s}{total:7.2f}{reference:10.2f}{total / reference:13.2f} "
        f"(below {GOAL} wanted)\n"
        f"triangulation, part of trinet: {100 * share:.2f} % of the total "
        f"(below {100 * TRIANGULATION_GOAL:g} % wanted)"
    )
    return int(total / reference >= GOAL or share >= TRIANGULATION_GOAL)


def measure(args: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of each round by stage."""
    width, height = (int(n) for n in args.size.split("x"))
    torch.manual_seed(0)
    net = DELTAS(keypoints=dict(num_kps=args.keypoints), legacy=args.legacy)
    net, bare = (m.eval().to(args.device) for m in (net, resnet50()))
    batch = make_batch(1 + args.views, height, width, args.device)
    times: dict[str, list[float]] = {}

    def clock(name: str, work: Callable) -> object:
        seconds, result = timed(work, args.device)
        times.setdefault(name, []).append(seconds)
        return result

    with torch.inference_mode():
        for _ in range(1 + args.rounds):
            clock("resnet50", lambda: bare(batch["images"][0]))
            one_round(net, batch, clock)
    return {name: values[1:] for name, values in times.items()}


def one_round(net: DELTAS, batch: dict, clock: Callable) -> None:
    """One prediction, stage by stage, and the triangulation of its matches."""
    images, K = batch["images"], batch["K"]
    size = (images.shape[-2], images.shape[-1])

    def look() -> tuple:
        maps, found = net.look(images, every_view=False)
        logits, generator = found["score_logits"][:, 0], torch.Generator()
        points, _ = net.select(logits, size, generator.manual_seed(0))
        return maps, found["descriptors"], points

    maps, descriptors, keypoints = clock("supernet", look)
    poses = relative_poses(batch["cam2world"])
    matched = clock(
        "trinet", lambda: net.trinet(descriptors, keypoints, K, poses, size)
    )
    clock("depthnet", lambda: net.densify(keypoints, matched, maps, size))
    pixels = torch.cat([keypoints[:, None], matched["matches"]], 1)
    weights, seen = matched["confidence"].mT, matched["range_kp"]
    clock("triangulation", lambda: net.trinet.locate(pixels, K, poses, weights, seen))


def make_batch(views: int, height: int, width: int, device: str) -> dict:
    """Random images of cameras side by side."""
    batch = cameras_side_by_side(1, views, height, width)
    return {key: value.to(device) for key, value in batch.items()}
