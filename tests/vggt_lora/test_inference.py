"""Depth and poses of recordings: chunks, what tells the scale, what is written."""

import json

import numpy as np
import pytest

from tests.inference.trained import work_dir
from vantage3d.geometry import unproject_pixels
from vantage3d.inference import InputFrame, open_footage
from vantage3d.stitching.metric_scale import MetricScale
from vantage3d.vggt_lora import DepthAndPoses, inference
from vantage3d.vggt_lora.inference import KnownLength


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return work_dir(tmp_path_factory.mktemp("w") / "vggt", "vggt")


@pytest.fixture(scope="module")
def room(filmed):
    """An RGB-D folder of three frames with depth and poses."""
    return filmed("rgbd_folder") / "scene0000_00"


@pytest.fixture(scope="module")
def frames(room):
    return list(open_footage(room))


@pytest.fixture(scope="module")
def predictor(weights):
    return DepthAndPoses(weights, chunk=2, overlap=1)


def bare(frames):
    """Images alone."""
    return [frame.color for frame in frames]


def test_chunks_of_a_recording_in_metres(predictor, room, frames, tmp_path):
    scene = predictor(room, out_dir=tmp_path / "out")
    assert [f.name for f in scene.frames] == [f.name for f in frames]
    assert len(predictor.stitched.nodes) == 2
    ratios = []
    for found, frame in zip(scene.frames, frames):
        assert found.metric and found.color.shape == frame.color.shape
        rows, columns = (
            ((np.arange(n) + 0.5) * m / n).astype(int)
            for n, m in zip(found.depth.shape, frame.depth.shape)
        )
        known = frame.depth[np.ix_(rows, columns)]
        ratios.append(np.median((known / found.depth)[known > 0]))
    assert np.exp(np.median(np.log(ratios))) == pytest.approx(1, abs=0.02)
    facts = json.loads((tmp_path / "out" / "scale.json").read_text())
    assert facts["scale"]["source"] == "depth" and facts["scale"]["count"] == 3
    assert facts["reliable"] == [True] * 3
    held = predictor(iter(frames))  # the same frames, from memory
    for one, other in zip(held.frames, scene.frames, strict=True):
        np.testing.assert_array_equal(one.depth, other.depth)
        np.testing.assert_array_equal(one.cam2world, other.cam2world)


def test_images_alone_have_the_networks_unit(predictor, frames):
    scene = predictor(bare(frames))
    assert predictor.scale is None
    assert not any(found.metric for found in scene.frames)
    assert np.allclose(scene.frames[0].cam2world, np.eye(4), atol=1e-12)


def test_a_known_length(predictor, weights, frames):
    name, ends, metres = frames[1].name, [(10.0, 20.0), (120.0, 60.0)], 1.75
    told = DepthAndPoses(weights, chunk=3, length=KnownLength(name, *ends, metres))
    images = [InputFrame(frame.name, frame.color) for frame in frames]
    found = told(images).frames[1]
    (h, w), (H, W) = found.depth.shape, found.color.shape[:2]
    x, y = np.round((np.array(ends) + 0.5) * (w / W, h / H) - 0.5).astype(int).T
    points = unproject_pixels(np.array(ends), found.depth[y, x], found.K, np.eye(4))
    assert np.linalg.norm(points[0] - points[1]) == pytest.approx(metres, rel=0.05)
    assert told.scale.source == "length" and np.isnan(told.scale.spread)


@pytest.mark.parametrize(
    ("length", "message"),
    [
        (("9", (1.0, 2.0), (3.0, 4.0), 1.0), "'9' is none of the 3 frames, from '0' "),
        (("0", (1.0, 2.0), (3.0, 4.0), 0.0), r"positive number .* got 0\.0 between"),
        (("0", (1.0, 2.0), (1.0, 2.0), 1.0), r"between two .* \(1\.0, 2\.0\) and \(1"),
        (("0", (1.0, 2.0), (160.0, 2.0), 1.0), r"of 160x120, got .* \(160\.0, 2\.0\)"),
    ],
)
def test_no_length_is_refused_before_anything_is_predicted(
    weights, room, length, message, tmp_path, monkeypatch
):
    told = DepthAndPoses(weights, chunk=3, length=KnownLength(*length))
    monkeypatch.setattr(told, "_chunk", None)
    with pytest.raises(ValueError, match=message):
        told(room, out_dir=tmp_path)
    told.length = KnownLength("none", (1.0, 2.0), (3.0, 4.0), 1.0)
    with pytest.raises(ValueError, match="'none' is none"):  # no "other options"
        told(room, out_dir=tmp_path)


def test_poses_tell_the_scale(predictor, weights, frames):
    asked = DepthAndPoses(weights, chunk=3, metric_from="poses")
    with pytest.raises(
        ValueError, match="comes from poses: 0 of 3 frames have depth, 0"
    ):
        asked(bare(frames))
    own = predictor(bare(frames)).frames
    poses = [frame.cam2world.copy() for frame in own]
    for pose in poses:
        pose[:3, 3] *= 2.5
    posed = [InputFrame(f.name, f.color, cam2world=p) for f, p in zip(frames, poses)]
    found = predictor(posed)
    assert predictor.scale.source == "poses"
    assert predictor.scale.value == pytest.approx(2.5)
    for frame, pose in zip(found.frames, poses):
        np.testing.assert_allclose(frame.cam2world, pose, atol=1e-9)


def test_poses_that_do_not_fit_are_told(weights, frames, monkeypatch):
    said = []
    monkeypatch.setattr(inference, "print_log", lambda text, **_: said.append(text))
    known = DepthAndPoses(weights, chunk=3, metric_from="poses")
    monkeypatch.setattr(
        inference, "from_poses", lambda *_: MetricScale(141.0, 1.77, "poses", 5)
    )
    known(iter(frames))
    (told,) = (text for text in said if "do not agree" in text)
    assert "141 m per unit from poses (5 values, spread 177.0%)" in told


def test_a_whole_network_needs_no_base(tmp_path, frames):
    path = work_dir(tmp_path / "vggt", "vggt")
    (config,) = path.parent.glob("*.py")
    config.write_text(config.read_text() + "model['base_weights'] = 'gone.pth'\n")
    assert DepthAndPoses(path).model.aggregator is not None


def test_arguments_that_make_no_sense(weights):
    for arguments, message in (
        ({"chunk": 1}, "`chunk` must be at least 2, got 1: chunks share frames"),
        ({"chunk": 4, "overlap": 4}, "`overlap` must be between 1 .* = 3, got 4"),
        ({"metric_from": "gps"}, "`metric_from` must be one of .* got 'gps'"),
        ({"adapters": False}, "`adapters` is False, and the weights have none"),
    ):
        with pytest.raises(ValueError, match=message):
            DepthAndPoses(weights, **arguments)
