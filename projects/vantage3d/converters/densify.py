"""``tools/create_data.py densify``: predictions fitted to the points of COLMAP.

COLMAP's points supervise a tenth of a percent of an image. A prediction of any depth
model, brought to metres by robust scale and shift, fills the rest; the quality of each
fit is stored with it, and bad fits are refused.
"""

import argparse
import hashlib
import io
import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from vantage3d.checks import check_shape
from vantage3d.converters.point_fit import (
    BadFitError,
    FitRules,
    Floats,
    PointFit,
    fit_points,
)
from vantage3d.evaluation.depth_metrics import usable
from vantage3d.geometry import transform_points
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.colmap import ColmapModel, read_colmap
from vantage3d.process.progress import track

VERSION = 1
REPORT = "densify.json"
POINTS = "points"  # folder of an ETH3D cache
RULES = {
    "min_points": "points that a fit needs",
    "inlier_error": "relative error up to which a point agrees",
    "min_inliers": "share of the points that must agree",
    "max_error": "largest median relative error",
}
# Depths beyond the points by this factor are extrapolated and left missing.
REACH = 1.5


class PointsInImage(NamedTuple):
    """The points that one image sees.

    Attributes:
        name: Name of the image, as the files are called.
        size: (W, H) of the image in pixels.
        pixels: (N, 2) positions (x, y), centres at integers.
        depths: (N,) z-depth in metres.
    """

    name: str
    size: tuple[int, int]
    pixels: Floats
    depths: Floats


class DenseDepth(NamedTuple):
    """Depth in metres and the fit it comes from.

    Attributes:
        depth: (H, W) float32 z-depth in metres, 0 where missing.
        fit: Scale, shift and quality.
    """

    depth: NDArray[np.float32]
    fit: PointFit


def densify(pred: Floats, points: PointsInImage, rules: FitRules) -> DenseDepth:
    """One prediction in metres.

    Args:
        pred: (H, W) predicted depth (not disparity) in any unit, of the whole image at
            any resolution.
        points: The points of the image; those outside the image take no part.
        rules: What the fit must reach.

    Returns:
        Depth at the resolution of ``pred``. Missing where the prediction is not finite
        or not positive, or farther from the points than a factor of 1.5.

    Raises:
        BadFitError: If the fit is bad; the message gives the figures.
        ValueError: If ``pred`` is no map.
    """
    check_shape("pred", pred, "H W")
    pred = np.where(usable(pred), pred, np.nan).astype(np.float64)
    fit = fit_points(*_at_points(pred, points), rules)
    metres = fit.scale * pred + fit.shift
    kept = (metres >= fit.near / REACH) & (metres <= fit.far * REACH)
    return DenseDepth(np.where(kept, metres, 0).astype(np.float32), fit)


def _at_points(pred: Floats, points: PointsInImage) -> tuple[Floats, Floats]:
    """Prediction and depth of the points inside the image; bilinear, NaN beside NaN."""
    size = np.array(points.size)
    inside = ((points.pixels >= -0.5) & (points.pixels <= size - 0.5)).all(axis=1)
    scale = np.array(pred.shape[::-1]) / size
    cells = (points.pixels[inside] + 0.5) * scale - 0.5
    sampled = map_coordinates(pred, cells.T[::-1], order=1, mode="nearest")
    return sampled, points.depths[inside]


def densify_folder(
    images: Iterable[PointsInImage], predictions: Path, out: Path, rules: FitRules
) -> dict[str, Any]:
    """Densify every image; finished ones that depend on the same data are kept.

    Reads ``predictions/NAME.npy`` and writes ``out/NAME.npz`` with ``depth`` (float32,
    metres, 0 = missing) and ``quality`` (JSON), and ``out/densify.json`` with the
    quality of every image and why others were refused.

    Args:
        images: Points of each image.
        predictions: Folder of the predictions.
        out: Where the depth goes.
        rules: What a fit must reach.

    Returns:
        The content of the report: ``rules``, ``images``, ``refused``.

    Raises:
        FileNotFoundError: If an image has no prediction.
    """
    accepted: dict[str, dict] = {}
    refused: dict[str, str] = {}
    for points in track(images, description="densify"):
        source, target = predictions / f"{points.name}.npy", out / f"{points.name}.npz"
        if not source.is_file():
            raise FileNotFoundError(
                f"prediction {source} is missing. Run the depth model on every image, "
                "or list only those that it ran on"
            )
        key = _key(source, points, rules)
        quality = _quality(target)
        if quality is None or quality["key"] != key:
            try:
                dense = densify(np.load(source, allow_pickle=False), points, rules)
            except BadFitError as error:
                target.unlink(missing_ok=True)
                refused[points.name] = str(error)
                continue
            quality = {**dense.fit._asdict(), "key": key}
            buffer = io.BytesIO()
            text = json.dumps(quality)
            np.savez_compressed(buffer, depth=dense.depth, quality=text)
            atomic_write_bytes(target, buffer.getvalue())
        accepted[points.name] = {k: v for k, v in quality.items() if k != "key"}
    report = {"rules": vars(rules), "images": accepted, "refused": refused}
    text = json.dumps(report, indent=1, sort_keys=True)
    atomic_write_bytes(out / REPORT, text.encode())
    return report


def _key(source: Path, points: PointsInImage, rules: FitRules) -> str:
    """Hash of everything that the result depends on."""
    digest = hashlib.sha256(source.read_bytes())
    digest.update(repr((VERSION, points.size, sorted(vars(rules).items()))).encode())
    for array in (points.pixels, points.depths):
        digest.update(np.ascontiguousarray(array, np.float64).tobytes())
    return digest.hexdigest()


def _quality(path: Path) -> Mapping[str, Any] | None:
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as file:
        return json.loads(str(file["quality"]))


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
    for path in sorted((cache / POINTS).rglob("*.npz")):
        with np.load(path, allow_pickle=False) as store:
            pixels, depths = store["pixels"], store["depths"]
            width, height = store["size"].tolist()
        front = depths > 0
        name = path.relative_to(cache / POINTS).with_suffix("").as_posix()
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
        "--out-dir": "where NAME.npz goes; CACHE/dense for depth='dense' of ETH3D",
    }
    for flag, text in folders.items():
        parser.add_argument(flag, type=Path, required=True, help=text)
    default = FitRules()
    for name, text in RULES.items():
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
    rules = FitRules(**{name: getattr(args, name) for name in RULES})
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
