"""DELTAS's three stages beside a bare ResNet-50 of torchvision on the same images.

Everything runs in one process and takes turns; a ratio is the median over the rounds of
a stage's time by that round's ResNet-50. Weights are random: they change no time. With
``--onnx`` the exported stages of a run's network take their turns too, on the same
inputs, and their outputs are compared with torch's.
"""

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from benchmarks.measuring import cameras_side_by_side, timed
from torch import Tensor
from torchvision.models import resnet50

from vantage3d.deltas import PosedDepth
from vantage3d.deltas.models import DELTAS
from vantage3d.deltas.models.densify import sparse_depth
from vantage3d.deltas.models.estimator import relative_poses
from vantage3d.inference.trained import find_trained

# Seconds of the released implementation with 3 images of 320x240 and 512 keypoints, the
# least of several runs on two shared cores, and what part of its detector's
# multiplications is a ResNet-50 (6.33 of 8.25 G per image).
REFERENCE_S = {"supernet": 1.9, "trinet": 1.5, "depthnet": 2.6}
RESNET_S = REFERENCE_S["supernet"] * 6.33 / 8.25
GOAL = 0.8
TRIANGULATION_GOAL = 0.05  # of the total
ONNX = {"look": "supernet", "triangulate": "trinet", "densify": "depthnet"}
SAME = 1e-4  # difference from torch, relative above 1


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
    add("--weights", metavar="RUN", help="the network of a run, not the published one")
    text = "files of that network by tools/export_onnx.py: rows of ONNX Runtime"
    add("--onnx", metavar="FOLDER", type=Path, help=text)


def run(args: argparse.Namespace) -> int:
    """Print the table; 1 if a goal is missed.

    The published network's stages take at most 0.8 of the reference's ratio; those of
    ``--onnx`` say what torch says.
    """
    if args.threads:
        torch.set_num_threads(args.threads)
    exported = None
    if args.onnx is not None:
        sides = [int(side) for side in args.size.split("x")]
        if args.weights is None or args.device != "cpu" or any(n % 8 for n in sides):
            raise SystemExit(
                "--onnx needs the run that its files are of, as --weights, the device "
                f"cpu and sides that are multiples of 8, got {args.weights}, "
                f"{args.device} and {args.size}"
            )
        exported = Exported(args.onnx)
    times, differences = measure(args, exported)
    ratios = {
        stage: statistics.median(t / r for t, r in zip(values, times["resnet50"]))
        for stage, values in times.items()
    }
    if args.weights is not None:
        return print_own(args, times, ratios, differences)
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


def print_own(
    args: argparse.Namespace,
    times: dict[str, list[float]],
    ratios: dict[str, float],
    differences: dict[str, float],
) -> int:
    """Print the rows of a run's network; 1 if ONNX Runtime answers something else."""
    print(f"{args.size}, 1 + {args.views} images, {args.weights}")
    print("stage             s (least)  ratio  of torch  difference")
    for stage, values in times.items():
        row = f"{stage:18s}{min(values):9.4f}{ratios[stage]:7.3f}"
        if name := ONNX.get(stage.removesuffix(".onnx")):
            row += f"{ratios[stage] / ratios[name]:10.2f}{differences[stage]:12.1e}"
        print(row)
    return int(any(difference > SAME for difference in differences.values()))


class Exported:
    """The three files of a network in ONNX Runtime, on the CPU.

    Raises:
        ImportError: If onnxruntime is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise ImportError(
                "onnxruntime is not installed and --onnx needs it: pip install "
                "'vantage3d[onnx]'"
            ) from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        self.sessions = {
            name: onnxruntime.InferenceSession(
                folder / f"{name}.onnx", options, providers=["CPUExecutionProvider"]
            )
            for name in ONNX
        }

    def __call__(self, name: str, *values: Tensor) -> list[Tensor]:
        """Outputs of a stage, its inputs in their order."""
        session = self.sessions[name]
        names = [one.name for one in session.get_inputs()]
        given = {name: value.numpy() for name, value in zip(names, values, strict=True)}
        return [torch.from_numpy(one) for one in session.run(None, given)]


def measure(
    args: argparse.Namespace, exported: Exported | None
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Seconds of each round by stage; largest differences of exported stages."""
    width, height = (int(n) for n in args.size.split("x"))
    torch.manual_seed(0)
    net: Any = DELTAS(keypoints=dict(num_kps=args.keypoints), legacy=args.legacy)
    if args.weights is not None:
        net = find_trained(args.weights, None, "deltas").build(**PosedDepth.changes)
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
            differences = one_round(net, batch, clock, exported)
    return {name: values[1:] for name, values in times.items()}, differences


def one_round(
    net: DELTAS, batch: dict, clock: Callable, exported: Exported | None = None
) -> dict[str, float]:
    """One prediction, stage by stage, and the triangulation of its matches.

    Returns:
        Largest difference of each exported stage from torch, relative above 1.
    """
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
    dense = clock("depthnet", lambda: net.densify(keypoints, matched, maps, size))
    pixels = torch.cat([keypoints[:, None], matched["matches"]], 1)
    weights, seen = matched["confidence"].mT, matched["range_kp"]
    length = matched["segments"].diff(dim=-2)[..., 0, :].norm(dim=-1) * seen
    clock(
        "triangulation",
        lambda: net.trinet.locate(pixels, K, poses, weights, seen, length),
    )
    if exported is None:
        return {}
    points, valid = matched["points_anchor"], matched["point_valid"]
    sparse = sparse_depth(
        keypoints, points[..., 2], dense["sparse_valid"], size, net.legacy
    )
    stages = {  # inputs, torch's answer, and how to take it from the file's outputs
        "look": ((images[0],), descriptors[0], lambda _, found, *maps: found),
        "triangulate": (
            (descriptors[0], keypoints[0], K[0], poses[0]),
            points[0] * valid[0, :, None],  # others are as good as any, and unused
            lambda points, valid, _: points * valid[:, None],
        ),
        "densify": ((sparse, *maps), dense["depth"], lambda depth: depth[:, 0]),
    }
    differences = {}
    for name, (given, expected, answer) in stages.items():
        row = f"{name}.onnx"
        outputs = clock(row, partial(exported, name, *given))
        off = (answer(*outputs) - expected).abs()
        differences[row] = float((off / expected.abs().clamp(min=1)).max())
    return differences


def make_batch(views: int, height: int, width: int, device: str) -> dict:
    """Random images of cameras side by side."""
    batch = cameras_side_by_side(1, views, height, width)
    return {key: value.to(device) for key, value in batch.items()}
