"""The command on a synthetic ETH3D room, whose depth is exact, and real points."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.interpolate import griddata

from tests.shared import need
from tools.create_data import main
from vantage3d.converters.densify import FitRules, densify, points_in_images
from vantage3d.geometry import pixel_grid
from vantage3d.io.colmap import read_colmap
from vantage3d.synthetic.layouts.eth3d import write_scene
from vantage3d.synthetic.rooms.filming import Job, film

JOB = Job(seed=3, frames=(0, 20, 40), size=(160, 120))
FOLDER = "dslr_images_undistorted"


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
