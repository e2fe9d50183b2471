"""Time of our ScanNet AP beside mmdet3d's ``scannet_eval``, in one run, same numbers.

Both get the dense masks of the same scenes. mmdet3d's own input format is prepared
before its clock starts; our reduction of the masks is inside our time.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np

from vantage3d.evaluation.instance_overlaps import scene_overlaps, scene_truth
from vantage3d.evaluation.scannet_ap import instance_ap

from .measuring import timed  # also as tools.benchmarks, by tests

KEYS = ("all_ap", "all_ap_50%", "all_ap_25%")


def mmdet3d_scannet_eval() -> Callable[..., dict]:
    """The installed mmdet3d's ``scannet_eval``, without importing the rest of it.

    ``mmdet3d.evaluation`` would import numba and the kits of other datasets, which the
    set-up leaves out.
    """
    name = "mmdet3d_scannet_utils"
    if name not in sys.modules:
        root = Path(find_spec("mmdet3d").origin).parent
        folder = root / "evaluation" / "functional" / "scannet_utils"
        spec = spec_from_file_location(name, folder / "__init__.py")
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name].scannet_eval


@dataclass(frozen=True)
class Workload:
    """Size of a made-up validation set."""

    name: str
    points: int
    instances: int
    predictions: int
    classes: int


WORKLOADS = (
    Workload("single view, class-agnostic", 20_000, 12, 100, 1),
    Workload("single view, 198 classes", 20_000, 12, 100, 198),
    Workload("whole scene, class-agnostic", 150_000, 40, 100, 1),
    Workload("whole scene, 18 classes", 150_000, 40, 100, 18),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the subcommand."""
    parser.add_argument("--scenes", type=int, default=20, help="scenes per workload")
    parser.add_argument("--repeats", type=int, default=3, help="the best time counts")
    parser.add_argument("--seed", type=int, default=0)


def run(args: argparse.Namespace) -> int:
    """Print a line for each workload; 1 if a number differs by more than 1e-9."""
    print(f"ScanNet AP, {args.scenes} scenes per row, best of {args.repeats}")
    print(
        f"{'workload':30s}{'mmdet3d':>11s}{'ours':>11s}{'faster':>9s}{'max diff':>11s}"
    )
    worst = 0.0
    for workload in WORKLOADS:
        rng = np.random.default_rng(args.seed)
        scenes = [make_scene(rng, workload) for _ in range(args.scenes)]
        theirs_s, expected = _timed(reference(scenes, workload.classes), args.repeats)
        ours_s, got = _timed(lambda: ours(scenes, workload.classes), args.repeats)  # noqa: B023
        difference = max(abs(got[key] - expected[key]) for key in KEYS)
        worst = max(worst, difference)
        print(
            f"{workload.name:30s}{theirs_s * 1e3:8.0f} ms{ours_s * 1e3:8.0f} ms"
            f"{theirs_s / ours_s:8.1f}x{difference:11.1e}"
        )
    return int(worst > 1e-9)


def make_scene(rng: np.random.Generator, size: Workload) -> dict[str, np.ndarray]:
    """Half void, half instances; predictions are eroded instances with some spill."""
    share = np.append(1.0, rng.dirichlet(np.ones(size.instances))) / 2
    share[0] = 1 - share[1:].sum()
    instances = rng.choice(size.instances + 1, size.points, p=share) - 1
    class_of = np.append(rng.integers(0, size.classes, size.instances), -1)
    target = rng.integers(0, size.instances, size.predictions)
    kept = rng.uniform(0.2, 1.0, size.predictions)
    masks = instances == target[:, None]
    masks &= rng.random(masks.shape, np.float32) < kept[:, None]
    masks |= rng.random(masks.shape, np.float32) < 0.02
    return {
        "labels": class_of[instances],
        "instances": instances,
        "masks": masks,
        "pred_labels": class_of[target],
        "scores": rng.random(size.predictions),
    }


def ours(scenes: list[dict[str, np.ndarray]], n_classes: int) -> dict:
    """Dense scenes to AP with our functions."""
    tables = [
        scene_overlaps(
            scene_truth(scene["labels"], scene["instances"]),
            scene["masks"],
            scene["pred_labels"],
            scene["scores"],
        )
        for scene in scenes
    ]
    return instance_ap(tables, [f"class{index}" for index in range(n_classes)])


def reference(
    scenes: list[dict[str, np.ndarray]], n_classes: int
) -> Callable[[], dict]:
    """mmdet3d's evaluation of the scenes, with its input made ready."""
    ids = tuple(range(1, n_classes + 1))
    names = tuple(f"class{index}" for index in range(n_classes))
    preds, gts = [], []
    for number, scene in enumerate(scenes):
        rows = zip(scene["masks"], scene["pred_labels"], scene["scores"])
        preds.append(
            {
                f"{number}_{row}": {"mask": mask, "label_id": ids[label], "conf": score}
                for row, (mask, label, score) in enumerate(rows)
            }
        )
        ids_of_points = (scene["labels"] + 1) * 1000 + scene["instances"]
        gts.append(np.where(scene["instances"] >= 0, ids_of_points, -1))
    labels, scannet_eval = dict(zip(ids, names)), mmdet3d_scannet_eval()
    return lambda: scannet_eval(preds, gts, None, ids, names, labels)


def _timed(function: Callable[[], dict], repeats: int) -> tuple[float, dict]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # mmdet3d: mean of no class
        runs = [timed(function) for _ in range(repeats)]
    return min(seconds for seconds, _ in runs), runs[-1][1]
