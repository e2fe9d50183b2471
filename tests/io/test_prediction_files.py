"""Predictions of several networks' own files say the same."""

import numpy as np
import pytest

from tests.rooms import SIZE, truth
from vantage3d.geometry import invert_rigid
from vantage3d.io.prediction_files import PredictedFiles
from vantage3d.synthetic.rooms.filming import sensor_intrinsics

K = sensor_intrinsics(SIZE)


def ours(view):
    return {
        "depth": view.frame.depth.astype(np.float32),
        "K": K,
        "cam2world": view.cam2world,
        "color": view.frame.color,
    }


def fed_forward(view):
    """World-to-camera in three rows, images of floats, as VGGT's demonstration."""
    return {
        "depth": view.frame.depth.astype(np.float32)[..., None],
        "intrinsic": K.astype(np.float32),
        "extrinsic": invert_rigid(view.cam2world)[:3],
        "images": (view.frame.color / 255).astype(np.float32).transpose(2, 0, 1),
    }


def mapped(view):
    """As MapAnything's dictionary."""
    return {
        "depth_z": view.frame.depth.astype(np.float32),
        "intrinsics": K,
        "camera_poses": view.cam2world,
        "conf": np.ones_like(view.frame.depth),
    }


@pytest.fixture(scope="module")
def views():
    return truth("rgbd_folder", 0)


@pytest.mark.parametrize("stacked", [False, True])
@pytest.mark.parametrize("form", [ours, fed_forward, mapped])
def test_files_of_networks_are_read_alike(views, form, stacked, tmp_path):
    stored = [form(view) for view in views]
    if stacked:
        whole = {key: np.stack([one[key] for one in stored]) for key in stored[0]}
        np.savez(tmp_path / "predictions.npz", **whole)
    else:
        for number, arrays in enumerate(stored):
            np.savez(tmp_path / f"{number:06d}.npz", **arrays)
    files = PredictedFiles(tmp_path)
    assert files.names == ("000000", "000001", "000002")
    assert files.named is not stacked
    for name, view in zip(files.names, views, strict=True):
        found = files.read(name)
        assert np.array_equal(found.depth, view.frame.depth.astype(np.float32))
        np.testing.assert_allclose(found.K, K, rtol=1e-6)
        np.testing.assert_allclose(found.cam2world, view.cam2world, atol=1e-12)
        if form is not mapped:
            assert np.array_equal(found.color, view.frame.color)


def test_intrinsics_of_a_larger_image_are_scaled_to_depth(tmp_path):
    large = np.array([[100.0, 0, 39.5], [0, 100, 29.5], [0, 0, 1]])
    color = np.zeros((60, 80, 3), np.uint8)
    np.savez(tmp_path / "0.npz", depth=np.ones((30, 40)), K=large, color=color)
    found = PredictedFiles(tmp_path).read("0")
    np.testing.assert_allclose(found.K[:2, 2], (19.5, 14.5))
    assert found.K[0, 0] == 50 and found.cam2world is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": np.ones(5)}, r"`depth` of frame 0 must have 2 dim.*got .*\(5,\)"),
        ({"cam2world": np.eye(3)}, r"`cam2world` must have shape .* got \(3, 3\)"),
        ({"color": np.full((4, 4, 3), 7.0)}, r"must lie in 0\.\.1, got 7\.\.7"),
    ],
)
def test_impossible_arrays_are_named(change, message, tmp_path):
    np.savez(tmp_path / "0.npz", **{"depth": np.ones((4, 4)), **change})
    with pytest.raises(ValueError, match=message):
        PredictedFiles(tmp_path).read("0")


def test_a_folder_without_depth_says_what_it_needs(tmp_path):
    np.savez(tmp_path / "train.npz", images=np.ones(3))
    with pytest.raises(FileNotFoundError, match=r"no \.npz file with an array `depth`"):
        PredictedFiles(tmp_path)
