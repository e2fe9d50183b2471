"""transforms.json: cameras in every form, OpenGL poses, depth and its unit."""

import json

import numpy as np
import pytest
from PIL import Image

from vantage3d.io.colmap import ColmapCamera
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.layouts import Transforms
from vantage3d.recordings.layouts.transforms import lens_of
from vantage3d.recordings.recording import Unusable
from vantage3d.synthetic import write_dataset
from vantage3d.synthetic.rooms.filming import Job, film, sensor_intrinsics

SIZE = 80, 60
SHARED = {"fl_x": 70, "fl_y": 71, "cx": 40.5, "cy": 30.5, "w": 80, "h": 60}
# The camera stands at (1, 2, 3) and looks along world y: OpenGL's -z; world z is up.
POSE = [[1, 0, 0, 1], [0, 0, -1, 2], [0, 1, 0, 3], [0, 0, 0, 1]]


def write(root, *frames, file="transforms.json", **content):
    """Frames as given, their images in grey."""
    root.mkdir(parents=True, exist_ok=True)
    frames = [{"transform_matrix": POSE, **frame} for frame in frames]
    for frame in frames:
        path = root / frame["file_path"]
        path = path if path.suffix else path.with_suffix(".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE, (90, 90, 90)).save(path)
    (root / file).write_text(json.dumps({**content, "frames": frames}))
    return Transforms(root)


def only(recording):
    (sequence,) = recording.sequences()
    (frame,) = recording.frames(sequence)
    return frame


def test_opengl_poses_and_pixels_from_the_corner(tmp_path):
    frame = only(write(tmp_path, {"file_path": "images/a.png"}, **SHARED))
    turned = [[1, 0, 0, 1], [0, 0, 1, 2], [0, -1, 0, 3], [0, 0, 0, 1]]
    np.testing.assert_allclose(frame.cam2world, turned)
    expected = [[70, 0, 40], [0, 71, 30], [0, 0, 1]]
    np.testing.assert_allclose(frame.color_camera.K, expected)
    assert frame.name == "a" and frame.depth is None and frame.lens is None


def test_a_frame_goes_before_the_file(tmp_path):
    recording = write(
        tmp_path,
        {"file_path": "images/10.png", "fl_x": 50, "w": 80},
        {"file_path": "images/9.png"},
        **SHARED,
    )
    (sequence,) = recording.sequences()
    found = recording.frames(sequence)
    assert [(f.name, f.color_camera.K[0, 0]) for f in found] == [("9", 70), ("10", 50)]


def test_an_angle_is_a_focal_length(tmp_path):
    """The NeRF datasets: half the width is seen under half the angle; no suffix."""
    angle = 2 * np.arctan(40 / 55)
    frame = only(
        write(tmp_path, {"file_path": "./train/r_0"}, camera_angle_x=float(angle))
    )
    np.testing.assert_allclose(
        frame.color_camera.K, [[55, 0, 39.5], [0, 55, 29.5], [0, 0, 1]]
    )
    assert frame.color.name == "r_0.png" and frame.name == "r_0"


def test_the_distortion_is_that_of_opencv():
    entry = {**SHARED, "k1": 0.1, "k2": -0.02, "p1": 1e-3, "p2": 2e-3}
    points = np.random.default_rng(0).uniform([-0.5, -0.4, 1], [0.5, 0.4, 1], (20, 3))
    numbers = (70.0, 71.0, 40.5, 30.5)
    ours = lens_of(entry, SIZE, "a")
    same = ColmapCamera("OPENCV", SIZE, (*numbers, 0.1, -0.02, 1e-3, 2e-3))
    np.testing.assert_allclose(ours.project(points), same.project(points))
    r2 = (points[:, :2] ** 2).sum(1, keepdims=True)
    cubic = lens_of({**SHARED, "k3": 0.3}, SIZE, "a").project(points)
    straight = points[:, :2] * (70, 71) * (1 + 0.3 * r2**3) + (40, 30)
    np.testing.assert_allclose(cubic, straight)
    fisheye = {**SHARED, "k1": 0.1, "k4": 0.01, "camera_model": "OPENCV_FISHEYE"}
    bent = ColmapCamera("OPENCV_FISHEYE", SIZE, (*numbers, 0.1, 0, 0, 0.01))
    np.testing.assert_allclose(
        lens_of(fisheye, SIZE, "a").project(points), bent.project(points)
    )


def test_a_distorted_camera_is_undistorted_on_reading(tmp_path):
    recording = write(tmp_path, {"file_path": "a.png", "k1": 0.2}, **SHARED)
    frame = only(recording)
    assert "FULL_OPENCV" in frame.made_on_reading
    color = recording.read_color(frame)
    assert color.shape == (60, 80, 3)
    assert color[30, 40, 0] == 90 and color[0, 0, 0] == 0  # the corner lies outside


@pytest.mark.parametrize(
    ("content", "stored", "key"),
    [
        ({}, 1500, "depth_file_path"),
        ({"integer_depth_scale": 1 / 5000}, 7500, "depth_path"),
        ({"depth_unit_scale_factor": 0.01}, 150, "depth_file_path"),
    ],
)
def test_depth_is_in_its_unit(tmp_path, content, stored, key):
    recording = write(
        tmp_path, {"file_path": "images/a.png", key: "depth/a.png"}, **SHARED, **content
    )
    (tmp_path / "depth").mkdir()
    values = np.full((30, 40), stored, np.uint16)
    Image.fromarray(values).save(tmp_path / "depth/a.png")
    frame = only(recording)
    np.testing.assert_allclose(recording.read_depth(frame), 1.5, rtol=1e-6)
    np.testing.assert_allclose(frame.depth_camera.K[0], [35, 0, 19.75])


def test_depth_of_a_lens_is_undistorted_too(tmp_path):
    entry = {"file_path": "images/a.png", "depth_file_path": "d.png", "k1": 0.2}
    recording = write(tmp_path, entry, **SHARED)
    values = np.full((60, 80), 2000, np.uint16)
    Image.fromarray(values).save(tmp_path / "d.png")
    depth = recording.read_depth(only(recording))
    assert depth[30, 40] == 2 and depth[0, 0] == 0


def test_an_applied_scale_is_undone(tmp_path):
    frame = only(write(tmp_path, {"file_path": "a.png"}, **SHARED, applied_scale=0.5))
    np.testing.assert_allclose(frame.cam2world[:3, 3], [2, 4, 6])


def test_every_file_is_a_sequence(tmp_path):
    for kind in ("train", "val"):
        write(tmp_path, {"file_path": f"{kind}/0.png"}, file=f"transforms_{kind}.json")
    write(tmp_path / "desk", {"file_path": "0.png"}, **SHARED)
    assert open_recording(tmp_path).sequences() == ["train", "val", "desk"]
    assert open_recording(tmp_path / "desk/transforms.json").sequences() == ["desk"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"fl_x": None}, "truncated or without intrinsics"),
        ({"camera_model": "EQUIRECTANGULAR"}, "camera_model EQUIRECTANGULAR, 2 focal"),
        ({"k4": 0.1}, r"distortion \{'k4': 0.1\}, expected one of OPENCV"),
        ({"transform_matrix": [[1, 2]]}, r"no pose \(it is \(1, 2\), expected 4 x 4"),
        (
            {"transform_matrix": (2 * np.eye(4)).tolist()},
            "frame a of .* is not rigid",
        ),
        ({"file_path": "../../x.png"}, "names '../../x.png', which is"),
        ({"w": 100}, "the image is 80x60 and its camera 100x60"),
        (
            {"fl_x": 0.9, "fl_y": 1.2, "cx": 0.5, "cy": 0.5},
            r"normalised: the focal lengths \[0\.9, 1\.2\] and .* image of 80x60",
        ),
        ({"camera_angle_x": 69.4}, "camera_angle_x is 69.4, expected radians below"),
    ],
)
def test_what_cannot_be_meant_is_named(tmp_path, entry, message):
    recording = write(tmp_path / "in/in", {"file_path": "a.png"}, **SHARED)
    path = tmp_path / "in/in/transforms.json"
    content = json.loads(path.read_text())
    content["frames"][0] |= entry
    path.write_text(json.dumps(content))
    frame = only(recording)
    assert isinstance(frame, Unusable)
    with pytest.raises(ValueError, match=message):
        raise ValueError(frame.reason)


def test_no_focal_length_and_no_json(tmp_path):
    recording = write(tmp_path, {"file_path": "a.png"})
    assert "0 focal lengths" in only(recording).reason
    path = tmp_path / "transforms.json"
    path.write_text(path.read_text()[:40])
    with pytest.raises(ValueError, match=r"transforms.json is truncated or no list"):
        only(Transforms(tmp_path))


def test_a_room_comes_back_as_it_was_rendered(tmp_path):
    write_dataset("transforms", tmp_path, 1, 0, (0, 20), SIZE)
    recording = open_recording(tmp_path)
    assert recording.layout == "transforms"
    _, views = film(Job(0, (0, 20), SIZE))
    found = recording.frames("scene0000_00")
    for frame, view in zip(found, views, strict=True):
        np.testing.assert_allclose(frame.cam2world, view.cam2world, atol=1e-9)
        K = sensor_intrinsics(SIZE)
        np.testing.assert_allclose(frame.color_camera.K, K, atol=1e-9)
        depth = recording.read_depth(frame)
        np.testing.assert_allclose(depth, view.frame.depth, atol=0.6e-3)
        off = recording.read_color(frame).astype(int) - view.frame.color
        assert np.abs(off).mean() < 8  # JPEG of a small image
