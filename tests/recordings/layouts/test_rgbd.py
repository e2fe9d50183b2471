"""RGB-D folders: their names, cameras and what is missing."""

import numpy as np
import pytest
from PIL import Image

from vantage3d.recordings.layouts import RgbdFolder
from vantage3d.recordings.options import Remedies
from vantage3d.recordings.recording import Unusable

K = np.array([[80.0, 0, 39.5], [0, 80, 29.5], [0, 0, 1]])


def write(root, *names, size=(80, 60), depth="{}.png", color="{}.jpg"):
    """A scene of grey frames one metre away, one step apart."""
    for part in ("color", "depth", "pose"):
        (root / part).mkdir(parents=True, exist_ok=True)
    for step, name in enumerate(names):
        Image.new("RGB", size, (90, 90, 90)).save(root / "color" / color.format(name))
        stored = np.full((60, 80), 1000, np.uint16)
        Image.fromarray(stored).save(root / "depth" / depth.format(name))
        pose = np.eye(4)
        pose[0, 3] = 0.1 * step
        np.savetxt(root / "pose" / f"{name}.txt", pose)
    np.savetxt(root / "intrinsic.txt", K)
    return RgbdFolder(root)


def frames(recording):
    (sequence,) = recording.sequences()
    return recording.frames(sequence)


def test_frames_are_in_numeric_order_without_foreign_files(tmp_path):
    recording = write(tmp_path, "10", "9")
    for foreign in ("color/._10.jpg", "color/Thumbs.db", "depth/.DS_Store"):
        (tmp_path / foreign).write_bytes(b"x")
    assert [f.name for f in frames(recording)] == ["9", "10"]
    assert [f.number for f in frames(recording)] == [9, 10]


def test_names_that_are_no_numbers_count_in_order(tmp_path):
    recording = write(tmp_path, "b2", "b10", "a")
    assert [(f.name, f.number) for f in frames(recording)] == [
        ("a", 0), ("b2", 1), ("b10", 2)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("first", "second"), [("a.JPG", "a.png"), ("10.png", "00010.png")]
)
def test_two_files_of_one_frame_are_refused(tmp_path, first, second):
    write(tmp_path, "1")
    for name in (first, second):
        Image.new("RGB", (80, 60)).save(tmp_path / "color" / name)
    # sorted: the names may come in either order
    with pytest.raises(ValueError, match=f"has .*{first[-5:]}.*: one frame, two files"):
        RgbdFolder(tmp_path).names("")


@pytest.mark.parametrize(
    ("color", "depth", "message"),
    [
        ("{}", "000{}", "but 0001.png: the names differ in letter case or leading zer"),
        ("frame{}", "FRAME0{}", "but FRAME01.png: the names differ in letter case or"),
        ("frame00{}", "depth00{}", "but depth001.png: the names of one frame must be"),
        ("{}", "depth_a", "but 1 other, called like depth_a.png. Export"),
    ],
)
def test_other_spelling_is_named_as_such(tmp_path, color, depth, message):
    recording = write(tmp_path, "1", color=f"{color}.jpg", depth=f"{depth}.png")
    lost = [f.reason for f in frames(recording) if isinstance(f, Unusable)]
    (text,) = [text for text in lost if "depth has no file for frame" in text]
    assert f"for frame '{color.format(1)}'" in text and message in text


def test_suffixes_may_be_in_capitals(tmp_path):
    recording = write(tmp_path, "1", color="{}.JPG", depth="{}.PNG")
    assert frames(recording)[0].depth.name == "1.PNG"


def test_a_recording_without_depth_and_poses_is_one(tmp_path):
    write(tmp_path, "1", "2")
    for part in ("depth", "pose"):
        for path in (tmp_path / part).iterdir():
            path.unlink()
        (tmp_path / part).rmdir()
    frame = frames(RgbdFolder(tmp_path))[0]
    assert (frame.depth, frame.depth_camera, frame.cam2world) == (None, None, None)
    np.testing.assert_array_equal(frame.color_camera.K, K)


def test_two_cameras_are_two_cameras(tmp_path):
    recording = write(tmp_path, "1", size=(160, 120))
    frame = frames(recording)[0]
    np.testing.assert_allclose(frame.color_camera.K[0], [160, 0, 79.5])
    own = [[150.0, 0, 78], [0, 150, 61], [0, 0, 1]]
    np.savetxt(tmp_path / "intrinsic_color.txt", own)
    moved = np.eye(4)
    moved[0, 3] = 0.025
    np.savetxt(tmp_path / "depth2color.txt", moved)
    frame = frames(RgbdFolder(tmp_path))[0]
    np.testing.assert_array_equal(frame.color_camera.K, own)
    np.testing.assert_array_equal(frame.depth_camera.K, K)
    np.testing.assert_array_equal(frame.depth2color, moved)


def test_remedies(tmp_path):
    write(tmp_path, "1", "2", "3")
    given = [f.cam2world for f in frames(RgbdFolder(tmp_path))]
    turned = frames(RgbdFolder(tmp_path, Remedies(poses="world2cam", axes="opengl")))
    expected = np.linalg.inv(given[2]) @ np.diag([1, -1, -1, 1])
    np.testing.assert_allclose(turned[2].cam2world, expected)
    small = frames(RgbdFolder(tmp_path, Remedies(pose_units=1000)))
    np.testing.assert_allclose(small[2].cam2world[:3, 3], [0.0002, 0, 0])
    late = frames(RgbdFolder(tmp_path, Remedies(pose_shift=1)))
    np.testing.assert_array_equal(late[0].cam2world, given[1])
    assert isinstance(late[2], Unusable) and "--pose-shift 1" in late[2].reason
    scaled = RgbdFolder(tmp_path, Remedies(depth_scale=500.0))
    assert (scaled.read_depth(frames(scaled)[0]) == 2).all()
    gone = RgbdFolder(tmp_path, Remedies(missing=1000))
    assert (gone.read_depth(frames(gone)[0]) == 0).all()
    along = RgbdFolder(tmp_path, Remedies(along_rays=True))
    depth = along.read_depth(frames(along)[0])
    np.testing.assert_allclose(
        depth[0, 0], 1 / np.sqrt(1 + (39.5 / 80) ** 2 + (29.5 / 80) ** 2), rtol=1e-6
    )


def test_a_remedy_out_of_range_is_refused():
    with pytest.raises(ValueError, match=r"--depth-scale.* got 0"):
        Remedies(depth_scale=0)
