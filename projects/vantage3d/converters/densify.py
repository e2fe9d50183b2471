"""``tools/create_data.py densify``: predictions fitted to the points of COLMAP.

COLMAP's points supervise a tenth of a percent of an image. A prediction of any depth
model, brought to metres by robust scale and shift, fills the rest; the quality of each
fit is stored with it, and bad fits are refused.
"""

import argparse
import hashlib
import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.logging import print_log
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from vantage3d.checks import check_positive, check_shape
from vantage3d.evaluation.depth_metrics import biweights, usable
from vantage3d.geometry import transform_points
from vantage3d.io.arrays import load_array, load_arrays
from vantage3d.io.atomic import atomic_write, atomic_write_bytes
from vantage3d.io.colmap import ColmapModel, read_colmap
from vantage3d.io.files import existing
from vantage3d.io.paths import inside
from vantage3d.process.progress import track

Floats = NDArray[np.floating[Any]]
# Pairs of points tried for a start: with half of the points wrong, the chance that no
# pair is right is 0.75 ** 200, below 1e-24.
PAIRS, ITERATIONS = 200, 50
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


class BadFitError(ValueError):
    """A prediction that does not follow the points; the message gives the figures."""


class PointFit(NamedTuple):
    """``metres = scale * pred + shift``, and how well the points agree.

    Attributes:
        scale: Metres per unit of the prediction.
        shift: Metres.
        points: Number of points.
        inliers: Share of the points within the rules' ``inlier_error``.
        error: Median over all points of |scale pred + shift - z| / z.
        near: Depth of the nearest inlier in metres.
        far: Depth of the farthest inlier in metres.
    """

    scale: float
    shift: float
    points: int
    inliers: float
    error: float
    near: float
    far: float


@dataclass(frozen=True)
class FitRules:
    """What a fit must reach to be trusted; :data:`RULES` says what each means.

    Raises:
        ValueError: If a value is not positive.
    """

    min_points: int = 50
    inlier_error: float = 0.1
    min_inliers: float = 0.6
    max_error: float = 0.05

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            check_positive(name, value)

    def check(self, fit: PointFit) -> None:
        """Raise a BadFitError if ``fit`` is not to be trusted."""
        wrong = [
            (fit.scale <= 0, f"scale {fit.scale:.4g}, expected a positive one"),
            (
                fit.inliers < self.min_inliers,
                f"{fit.inliers:.1%} of {fit.points} points within "
                f"{self.inlier_error:.0%}, expected {self.min_inliers:.0%}",
            ),
            (
                fit.error > self.max_error,
                f"median error {fit.error:.1%}, expected at most {self.max_error:.1%}",
            ),
        ]
        if found := [text for bad, text in wrong if bad]:
            raise BadFitError(f"bad fit: {'; '.join(found)}")


def fit_points(pred: Floats, depths: Floats, rules: FitRules) -> PointFit:
    """Robust scale and shift, by relative errors.

    The start is the pair of points whose line leaves the least median error (LMedS); it
    is refined with Tukey's biweight. Same points, same result.

    Args:
        pred: (N,) predicted depth at the points, any unit.
        depths: (N,) their z-depth in metres, positive.
        rules: What the fit must reach.

    Returns:
        The fit.

    Raises:
        BadFitError: If there are too few points, or the rules are not met.
    """
    good = usable(pred)
    p, z = pred[good].astype(np.float64), depths[good].astype(np.float64)
    if len(p) < rules.min_points:
        raise BadFitError(
            f"{len(p)} points on usable predictions ({len(pred)} in all), expected at "
            f"least {rules.min_points}"
        )
    # relative: (s p + b) / z = 1, linear in (s, b)
    rows = np.stack([p / z, 1 / z], axis=1)
    best = _refine(rows, _start(rows))
    errors = np.abs(rows @ best - 1)
    agree = errors <= rules.inlier_error
    span = (z[agree].min(), z[agree].max()) if agree.any() else (np.nan, np.nan)
    values = (*best, len(p), agree.mean(), np.median(errors), *span)
    scale, shift, points, inliers, error, near, far = (float(v) for v in values)
    fit = PointFit(scale, shift, int(points), inliers, error, near, far)
    rules.check(fit)
    return fit


def _start(rows: Floats) -> Floats:
    """(2,) scale and shift through two points, of many pairs the best."""
    rng = np.random.default_rng(0)
    pairs = rng.integers(len(rows), size=(PAIRS, 2))
    systems = rows[pairs]
    solvable = np.abs(np.linalg.det(systems)) > 1e-12
    alone = np.array([[1 / np.median(rows[:, 0]), 0.0]])  # if no pair is solvable
    lines = np.linalg.solve(systems[solvable], np.ones((solvable.sum(), 2, 1)))[..., 0]
    candidates = np.concatenate([alone, lines])
    medians = np.median(np.abs(candidates @ rows.T - 1), axis=1)
    return candidates[medians.argmin()]


def _refine(rows: Floats, line: Floats) -> Floats:
    for _ in range(ITERATIONS):
        root = np.sqrt(biweights(rows @ line - 1))
        before = line
        line = np.linalg.lstsq(rows * root[:, None], root, rcond=None)[0]
        if np.allclose(line, before, rtol=1e-10, atol=1e-12):
            break
    return line


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
    size = np.array(points.size)
    inside = ((points.pixels >= -0.5) & (points.pixels <= size - 0.5)).all(axis=1)
    cells = (points.pixels[inside] + 0.5) * (np.array(pred.shape[::-1]) / size) - 0.5
    sampled = map_coordinates(pred, cells.T[::-1], order=1, mode="nearest")
    fit = fit_points(sampled, points.depths[inside], rules)  # NaN beside NaN
    metres = fit.scale * pred + fit.shift
    kept = (metres >= fit.near / REACH) & (metres <= fit.far * REACH)
    return DenseDepth(np.where(kept, metres, 0).astype(np.float32), fit)


def densify_folder(
    images: Iterable[PointsInImage], predictions: Path, out: Path, rules: FitRules
) -> dict[str, Any]:
    """Densify every image; finished ones that depend on the same data are kept.

    Reads ``predictions/NAME.npy`` and writes ``out/NAME.npz`` with ``depth`` (float32,
    metres, 0 = missing) and ``quality`` (JSON), and ``out/densify.json`` with the
    quality of every image and why others were refused.

    Returns:
        The content of the report: ``rules``, ``images``, ``refused``.

    Raises:
        FileNotFoundError: If an image has no prediction.
    """
    accepted: dict[str, dict] = {}
    refused: dict[str, str] = {}
    for points in track(images, description="densify"):
        source = inside(predictions, f"{points.name}.npy", "the model")
        target = inside(out, f"{points.name}.npz", "the model")
        remedy = "Run the depth model on every image, or list only those it ran on"
        existing(source, "prediction", remedy)
        key = _key(source, points, rules)
        quality = None
        if target.is_file():
            stored = load_arrays(target, "depth file", "Delete it", ("quality",))
            quality = json.loads(str(stored["quality"]))
        if quality is None or quality["key"] != key:
            try:
                pred = load_array(source, "prediction", remedy)
                dense = densify(pred, points, rules)
            except BadFitError as error:
                target.unlink(missing_ok=True)
                refused[points.name] = str(error)
                continue
            quality = {**dense.fit._asdict(), "key": key}
            arrays = {"depth": dense.depth, "quality": np.array(json.dumps(quality))}
            atomic_write(target, partial(np.savez_compressed, **arrays))
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
        names = "pixels", "depths", "size"
        store = load_arrays(path, "cached points", "Run create_data.py eth3d", names)
        pixels, depths = store["pixels"], store["depths"]
        width, height = store["size"].tolist()
        front = depths > 0
        name = path.relative_to(cache / POINTS).with_suffix("").as_posix()
        yield PointsInImage(name, (width, height), pixels[front], depths[front])


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
    root = args.root_path
    cached = (root / POINTS).is_dir()
    found = cached_points(root) if cached else points_in_images(read_colmap(root))
    images = list(found)
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
