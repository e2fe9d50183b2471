"""Raw files to index to dataset, against the scene that was rendered."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.converters.rooms import SIZE, truth
from tests.shared import need
from vantage3d.geometry import invert_rigid, project, unproject
from vantage3d.process.seeding import SeededIndex
from vantage3d.registry import DATASETS
from vantage3d.synthetic.layouts.annotated import OBJECT_REACH
from vantage3d.synthetic.rooms.filming import sensor_intrinsics
from vantage3d.views.dataset import PosedViews

VIEW = dict(frames=3, image_size=56, aspect=0.75, patch_size=14)
MILLIMETRE = dict(atol=0.6e-3, rtol=0)
HALF_FLOAT = dict(atol=0, rtol=2.0**-11)
# create_data name and options, class, name of the training sequence, depth tolerance
LAYOUTS = {
    "annotations": (
        ("annotations",),
        "annotations",
        "scene0000_00",
        MILLIMETRE,
    ),
    "hypersim": (
        ("annotations", "--depth", "distance"),
        "annotations",
        "scene0000_00",
        dict(atol=0, rtol=2.0**-10),
    ),
    "scannet": (("scannet",), "scannet", "scene0000_00", MILLIMETRE),
    "co3d": (
        ("co3d", "--min-frames", 2),
        "co3d",
        "chair/scene0000_00",
        HALF_FLOAT,
    ),
}


def build(preset, out, **options) -> PosedViews:
    config = dict(
        type="PosedViews", preset=preset, data_root=str(out), **{**VIEW, **options}
    )
    if preset == "co3d":
        config |= dict(min_frames=2)
    return DATASETS.build(config)


@pytest.fixture(params=list(LAYOUTS))
def layout(request, written, create_data, tmp_path):
    """Name of the layout, the dataset on it, its training sequence, tolerance."""
    (command, *options), cls, sequence, tolerance = LAYOUTS[request.param]
    create_data(command, written(request.param), tmp_path / "out", *options)
    return request.param, build(cls, tmp_path / "out"), sequence, tolerance


def test_frames_are_those_that_were_rendered(layout):
    name, data, sequence, tolerance = layout
    data.options = replace(data.options, percentile=None)
    assert list(data.sequences) == [sequence]
    views = truth(0)
    expected = [view.number for view in views] if name == "scannet" else range(4)
    assert data.sequences[sequence] == list(expected)
    poses = []
    for number, view in zip(expected, views):
        frame = data.read_frame(sequence, number)
        depth = view.frame.depth.astype(np.float64)
        if name == "co3d":
            depth = np.where(depth < OBJECT_REACH, depth, 0)
            assert 0.05 < (depth == 0).mean() < 0.95
        np.testing.assert_allclose(frame.depth, depth, **tolerance)
        np.testing.assert_allclose(frame.K, sensor_intrinsics(SIZE), atol=1e-5)
        off = frame.image.astype(int) - view.frame.color
        assert np.abs(off).mean() < 4  # JPEG
        poses.append(view.cam2world @ frame.world2cam)
    # ScanNet's world is turned away from the room's axes; nothing else may change it.
    for pose in poses:
        np.testing.assert_allclose(
            pose, poses[0] if name == "scannet" else np.eye(4), atol=2e-5
        )


def test_world_points_of_a_sample_meet_in_the_other_views(layout):
    _, data, _, _ = layout
    sample = data[SeededIndex(0, 1)]
    points = unproject(sample["depth"][0], sample["K"][0], sample["cam2world"][0])
    points = points[sample["valid"][0]].double()
    for view in range(1, 3):
        K = sample["K"][view].double()
        pose = invert_rigid(sample["cam2world"][view].double())
        pixels, depth = project(points, K, pose)
        x, y = pixels.round().long().unbind(1)
        height, width = sample["valid"].shape[1:]
        seen = (depth > 0) & (x >= 0) & (y >= 0) & (x < width) & (y < height)
        surface = sample["depth"][view][y[seen], x[seen]]
        off = (surface - depth[seen]).abs() / depth[seen]
        assert seen.float().mean() > 0.2
        assert off.median() < 0.01


def test_percentile_removes_the_far_end(written, create_data, tmp_path):
    create_data("annotations", written("annotations"), tmp_path / "out")
    whole = build("annotations", tmp_path / "out", percentile=None)
    cut = build("annotations", tmp_path / "out")
    depth = whole.read_frame("scene0000_00", 1).depth
    kept = cut.read_frame("scene0000_00", 1).depth
    limit = np.sort(depth.ravel())[int(np.ceil(0.98 * depth.size)) - 1]
    assert (kept > 0).mean() == pytest.approx(0.98, abs=0.01)
    assert (kept[depth < limit] == depth[depth < limit]).all()
    assert kept.max() <= limit * 1.01


def test_virtual_kitti_cameras_and_depth(written, create_data, tmp_path):
    """The street behind both cameras is one, the sky is missing, 80 m is the limit."""
    options = ("--min-frames", 2, "--val-scenes", "Scene02")
    out = create_data("vkitti", written("virtual_kitti"), tmp_path / "out", *options)
    config = dict(
        type="PosedViews", preset="vkitti", data_root=str(out), min_frames=2, **VIEW
    )
    data = DATASETS.build(config)
    left, right = (f"Scene01/clone/Camera_{camera}" for camera in (0, 1))
    assert data.sequences == {left: [0, 1, 2], right: [0, 1, 2]}
    first, second = data.read_frame(left, 1), data.read_frame(right, 1)
    relative = second.world2cam @ invert_rigid(first.world2cam)
    np.testing.assert_allclose(relative[:3, :3], np.eye(3), atol=1e-9)
    np.testing.assert_allclose(relative[:3, 3], [-0.59, 0, 0], atol=1e-9)
    # Rectified pair: a pixel of depth z moves by f b / z along its row.
    rows, columns = np.nonzero(first.depth)
    depth = first.depth[rows, columns].astype(np.float64)
    moved = columns - first.K[0, 0] * 0.59 / depth
    inside = moved > 0
    seen = second.depth[rows[inside], np.round(moved[inside]).astype(int)]
    off = np.abs(seen - depth[inside]) / depth[inside]
    assert np.median(off) < 0.01 and (off < 0.05).mean() > 0.85
    assert 0 < (first.depth == 0).mean() < 0.6
    assert first.depth.max() <= 80
    far = DATASETS.build(dict(config, max_depth=None)).read_frame(left, 1).depth
    assert 80 < far.max() < 655
    val = DATASETS.build(dict(config, split="val"))
    assert all(name.startswith("Scene02/") for name in val.sequences)
    train_step = np.linalg.norm(
        invert_rigid(data.read_frame(left, 2).world2cam)[:3, 3]
        - invert_rigid(first.world2cam)[:3, 3]
    )
    assert train_step == pytest.approx(0.8, abs=0.05)


def test_real_scannet_frames(create_data, tmp_path):
    """Three frames of a real export: indexed, in agreement, read as a sample."""
    root = need("data/deltas_scannet_sample/scannet_sample/scans_test")
    out = create_data("scannet", root, tmp_path / "out")
    report = json.loads((out / "report_test.json").read_text())
    assert report["frames"] == 3 and not report["skipped"]
    assert report["agreement"]["mean"] > 0.8
    data = build("scannet", out, image_size=518, split="test")
    sample = data[0]
    assert sample["images"].shape == (3, 3, 378, 518)
    assert sample["valid"].float().mean() > 0.5
