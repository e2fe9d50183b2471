"""``create_data.py densify``: predictions fitted to the points of a COLMAP model."""

import argparse
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from mmengine.logging import print_log

from vantage3d.converters.densify import REPORT, PointsInImage, densify_folder
from vantage3d.converters.point_fit import FitRules
from vantage3d.geometry import transform_points
from vantage3d.io.colmap import ColmapModel, read_colmap

POINTS = "points"  # folder of an ETH3D cache


def points_in_images(model: ColmapModel) -> Iterator[PointsInImage]:
    """The points that each image observes, at the pixels where it observes them."""
    for name, image in model.images.items():
        points = model.points[image.point_rows]
        depths = transform_points(image.world2cam, points)[:, 2]
        front = depths > 0
        stem = Path(name).with_suffix("").as_posix()
        yield PointsInImage(stem, image.camera.size, image.pixels[front], depths[front])


def cached_points(cache: Path) -> Iterator[PointsInImage]:
    """The points of every photograph in a cache by ``create_data.py eth3d``."""
    for path in sorted((cache / POINTS).glob("*/*.npz")):
        with np.load(path, allow_pickle=False) as store:
            pixels, depths = store["pixels"], store["depths"]
            width, height = store["size"].tolist()
        front = depths > 0
        name = f"{path.parent.name}/{path.stem}"
        yield PointsInImage(name, (width, height), pixels[front], depths[front])


def read_points(root: Path) -> Iterator[PointsInImage]:
    """Points of a cache by ``create_data.py eth3d``, else of a COLMAP model."""
    if (root / POINTS).is_dir():
        return cached_points(root)
    return points_in_images(read_colmap(root))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Folders, and an option for each rule of a fit."""
    folders = {
        "--root-path": "COLMAP model of the undistorted images, or the cache "
        "that create_data.py eth3d wrote",
        "--predictions": "folder with NAME.npy (H, W) of each image NAME.jpg: depth in "
        "any unit",
        "--out-dir": "where NAME.npz goes; CACHE/dense for ETH3DDataset(depth='dense')",
    }
    for flag, text in folders.items():
        parser.add_argument(flag, type=Path, required=True, help=text)
    default = FitRules()
    rules = {
        "min_points": "points that a fit needs",
        "inlier_error": "relative error up to which a point agrees",
        "min_inliers": "share of the points that must agree",
        "max_error": "largest median relative error",
    }
    for name, text in rules.items():
        value = getattr(default, name)
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(value),
            default=value,
            help=f"{text} (default {value})",
        )


def run(args: argparse.Namespace) -> None:
    """Densify as the command line says; say what was refused.

    Raises:
        ValueError: If every image was refused.
    """
    names = ("min_points", "inlier_error", "min_inliers", "max_error")
    rules = FitRules(**{name: getattr(args, name) for name in names})
    images = list(read_points(args.root_path))
    report = densify_folder(images, args.predictions, args.out_dir, rules)
    refused = report["refused"]
    example = next((f"; first {name}: {why}" for name, why in refused.items()), "")
    text = f"{len(refused)} of {len(images)} images refused{example}"
    if not report["images"]:
        raise ValueError(
            f"{text}. Check that predictions are depth, not disparity, and belong to "
            "the undistorted images"
        )
    level = logging.WARNING if refused else logging.INFO
    print_log(f"{text}. Fits are in {args.out_dir / REPORT}", "current", level)
