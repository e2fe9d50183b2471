"""Predictions with a known scale and shift; the command on an exact room."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import griddata

from tests.shared import need
from tools.create_data import main
from vantage3d.converters.densify import (
    REACH,
    BadFitError,
    FitRules,
    PointsInImage,
    densify,
    densify_folder,
    fit_points,
    points_in_images,
)
from vantage3d.geometry import pixel_grid
from vantage3d.io.colmap import read_colmap
from vantage3d.synthetic.layouts.eth3d import write_scene
from vantage3d.synthetic.rooms.filming import Job, film

SIZE = (96, 64)  # width, height
RULES = FitRules()
JOB = Job(seed=3, frames=(0, 20, 40), size=(160, 120))
FOLDER = "dslr_images_undistorted"


def truth() -> np.ndarray:
    """(64, 96) depth in metres, 4 to 16: a corridor."""
    y, x = np.mgrid[:64, :96]
    return 16 - 12 * np.abs(x - 47.5) / 47.5 + 0.01 * y


def points_of(depth: np.ndarray, count: int = 200, wrong: float = 0.0) -> PointsInImage:
    """Points at random pixels, a share of them at a wrong depth."""
    rng = np.random.default_rng(0)
    pixels = rng.integers((0, 0), SIZE, size=(count, 2))
    depths = depth[pixels[:, 1], pixels[:, 0]].copy()
    bad = slice(0, int(wrong * count))
    depths[bad] *= rng.uniform(1.5, 5, len(depths[bad]))
    return PointsInImage("DSC_0001", SIZE, pixels.astype(float), depths)


def test_scale_and_shift_are_recovered():
    dense = densify((truth() + 3) / 7, points_of(truth()), RULES)
    assert (dense.fit.scale, dense.fit.shift) == pytest.approx((7, -3))
    assert (dense.fit.points, dense.fit.inliers) == (200, 1)
    assert np.allclose(dense.depth, truth(), rtol=1e-6)


def test_a_third_of_the_points_may_be_wrong():
    points = points_of(truth(), wrong=1 / 3)
    dense = densify((truth() + 3) / 7, points, RULES)
    assert (dense.fit.scale, dense.fit.shift) == pytest.approx((7, -3), rel=1e-6)
    assert dense.fit.inliers == pytest.approx(2 / 3, abs=0.01)
    p = ((truth() + 3) / 7)[tuple(points.pixels.astype(int).T[::-1])]
    least_squares = np.polyfit(p, points.depths, 1)
    assert abs(least_squares[0] - 7) > 1  # what the robust fit is for


def test_prediction_of_another_resolution():
    small = (truth() / 5).reshape(32, 2, 48, 2).mean(axis=(1, 3))
    dense = densify(small, points_of(truth()), RULES)
    expected = truth().reshape(32, 2, 48, 2).mean(axis=(1, 3))
    assert dense.depth.shape == (32, 48)
    assert np.abs(dense.depth / expected - 1).max() < 0.01


def test_what_the_points_do_not_reach_stays_missing():
    depth = truth()
    points = points_of(depth)
    near = points.depths < 8
    pred = depth / 5
    pred[0, :3] = (np.nan, np.inf, -1)
    dense = densify(
        pred, points._replace(pixels=points.pixels[near], depths=points.depths[near]),
        FitRules(min_points=20),
    )  # fmt: skip
    far = depth > points.depths[near].max() * REACH
    assert far.any() and (dense.depth[far] == 0).all()
    assert (dense.depth[0, :3] == 0).all()
    assert np.allclose(dense.depth[~far][3:], depth[~far][3:], rtol=1e-5)


def test_points_outside_the_image_take_no_part():
    points = points_of(truth())
    outside = points._replace(
        pixels=np.concatenate([points.pixels, [[-1.0, 5], [96, 5], [5, 64]]]),
        depths=np.concatenate([points.depths, [1.0, 1, 1]]),
    )
    found, expected = (densify(truth(), p, RULES).fit for p in (outside, points))
    assert found == expected


@pytest.mark.parametrize(
    ("pred", "message"),
    [
        (20 - truth(), "scale -1, expected a positive one"),
        (np.full((64, 96), 3.0), r"bad fit: .* of 200 points within 10%, expected 60%"),
        (np.full((64, 96), np.nan), r"0 points on usable predictions \(200 in all\)"),
    ],
)
def test_bad_predictions_are_refused(pred, message):
    with pytest.raises(BadFitError, match=message):
        densify(pred, points_of(truth()), RULES)


def test_noise_beyond_the_rule_is_refused_with_its_figure():
    noisy = truth() * np.exp(np.random.default_rng(0).normal(0, 0.08, (64, 96)))
    with pytest.raises(
        BadFitError, match=r"median error 5\.\d%, expected at most 4\.0%"
    ):
        densify(noisy, points_of(truth()), FitRules(max_error=0.04))
    fit = densify(noisy, points_of(truth()), FitRules(max_error=0.06)).fit
    assert fit.error == pytest.approx(0.6745 * 0.08, rel=0.15)  # of a normal error


def test_too_few_points():
    with pytest.raises(
        BadFitError, match=r"49 points .* \(49 in all\), expected at .* 50"
    ):
        fit_points(np.ones(49), np.ones(49), RULES)


def test_rules_are_positive():
    with pytest.raises(ValueError, match="`max_error` must be positive, got 0"):
        FitRules(max_error=0)


def folder(tmp_path, count: int = 3) -> list[PointsInImage]:
    """Predictions on disk, the last one bad; their points."""
    images = []
    for i in range(count):
        pred = truth() / (i + 2) if i < count - 1 else 20 - truth()
        np.save(tmp_path / f"image_{i}.npy", pred.astype(np.float32))
        images.append(points_of(truth())._replace(name=f"image_{i}"))
    return images


def test_folder_stores_quality_and_names_what_it_refused(tmp_path):
    images, out = folder(tmp_path), tmp_path / "out"
    report = densify_folder(images, tmp_path, out, RULES)
    assert json.loads((out / "densify.json").read_text()) == report
    assert list(report["images"]) == ["image_0", "image_1"]
    assert "scale -1, expected" in report["refused"]["image_2"]
    assert not (out / "image_2.npz").exists()
    with np.load(out / "image_1.npz") as file:
        assert np.allclose(file["depth"], truth(), rtol=1e-5)
        quality = json.loads(str(file["quality"]))
    assert quality.pop("key")
    assert quality == report["images"]["image_1"]
    assert quality["scale"] == pytest.approx(3, rel=1e-5)


def test_folder_redoes_what_its_sources_changed(tmp_path):
    images, out = folder(tmp_path), tmp_path / "out"
    densify_folder(images, tmp_path, out, RULES)
    times = {path.name: path.stat().st_mtime_ns for path in out.glob("*.npz")}
    np.save(tmp_path / "image_1.npy", truth() / 9)
    report = densify_folder(images, tmp_path, out, RULES)
    again = {path.name: path.stat().st_mtime_ns for path in out.glob("*.npz")}
    assert again["image_0.npz"] == times["image_0.npz"]
    assert again["image_1.npz"] > times["image_1.npz"]
    assert report["images"]["image_1"]["scale"] == pytest.approx(9)
    strict = densify_folder(images, tmp_path, out, FitRules(min_points=1000))
    assert len(strict["refused"]) == 3 and not list(out.glob("*.npz"))


def test_a_prediction_is_missing(tmp_path):
    images = folder(tmp_path)
    (tmp_path / "image_1.npy").unlink()
    with pytest.raises(
        FileNotFoundError, match=r"prediction .*image_1\.npy is missing"
    ):
        densify_folder(images, tmp_path, tmp_path / "out", RULES)


@pytest.fixture(scope="module")
def scene(tmp_path_factory) -> tuple[Path, dict[str, np.ndarray]]:
    """The room on disk, and the true depth of each image."""
    root = tmp_path_factory.mktemp("eth3d")
    write_scene(root, "room", JOB)
    truth = {f"DSC_{v.number:04d}": v.frame.depth for v in film(JOB)[1]}
    return root / "room", truth


def densified(scene, predictions: dict[str, np.ndarray], out: Path, *options) -> dict:
    folder = out / "predictions" / FOLDER
    folder.mkdir(parents=True)
    for name, pred in predictions.items():
        np.save(folder / f"{name}.npy", pred.astype(np.float32))
    model = scene[0] / "dslr_calibration_undistorted"
    flags = ["--root-path", model, "--predictions", folder.parent, "--out-dir", out]
    main(["densify", *map(str, flags), *options])
    return json.loads((out / "densify.json").read_text())


def test_depth_in_metres_from_points_alone(scene, tmp_path):
    truth = scene[1]
    report = densified(scene, {n: (d + 0.4) / 3 for n, d in truth.items()}, tmp_path)
    assert not report["refused"]
    for name, depth in truth.items():
        fit = report["images"][f"{FOLDER}/{name}"]
        assert (fit["scale"], fit["shift"]) == pytest.approx((3, -0.4), rel=1e-3)
        assert fit["points"] > 100 and fit["inliers"] > 0.95
        with np.load(tmp_path / FOLDER / f"{name}.npz") as file:
            filled = (file["depth"] > 0) & (depth > 0)
            assert filled.mean() > 0.9 * (depth > 0).mean()
            errors = np.abs(file["depth"] / np.where(depth > 0, depth, 1) - 1)
        assert errors[filled].max() < 1e-3


def test_points_of_a_real_model_predict_each_other():
    model = read_colmap(need("data/colmap_bartoszek/dense_0_sparse"))
    for image in list(points_in_images(model))[:4]:
        coarse = pixel_grid(image.size[1] // 8, image.size[0] // 8, np.zeros(1))
        at = (coarse + 0.5) * 8 - 0.5
        even, odd = slice(0, None, 2), slice(1, None, 2)
        surface = griddata(image.pixels[even], image.depths[even], at)
        others = image._replace(pixels=image.pixels[odd], depths=image.depths[odd])
        fit = densify((surface - 0.1) / 2.5, others, FitRules()).fit
        assert fit.scale == pytest.approx(2.5, rel=0.05)
        assert fit.error < 0.003 and fit.inliers > 0.95


def test_a_bad_prediction_among_good_ones(scene, tmp_path):
    predictions = dict(scene[1])
    first = next(iter(predictions))
    predictions[first] = predictions[first][:, ::-1]
    report = densified(scene, predictions, tmp_path)
    assert list(report["refused"]) == [f"{FOLDER}/{first}"]
    assert len(report["images"]) == len(predictions) - 1


def test_disparity_is_refused_with_a_hint(scene, tmp_path):
    disparity = {n: 1 / np.maximum(d, 0.1) for n, d in scene[1].items()}
    with pytest.raises(
        SystemExit, match=r"3 of 3 images refused; .*depth, not disparity"
    ):
        densified(scene, disparity, tmp_path)


def test_rules_are_options(scene, tmp_path):
    options = ("--min-points", "100000")
    with pytest.raises(SystemExit, match=r"expected at least 100000"):
        densified(scene, scene[1], tmp_path, *options)
