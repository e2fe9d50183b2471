"""HoloLens-style folders: poses without names belong to images by their order."""

import numpy as np
import pytest
from PIL import Image

from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.layouts import HoloLens


def write(root, *names, poses=None, depth=True):
    """A wall 1.12 m away; the camera of the n-th image stands n decimetres right."""
    for part in ("images", "depth")[: 1 + depth]:
        (root / part).mkdir(parents=True)
    for name in names:
        Image.new("RGB", (80, 60)).save(root / f"images/{name}.png")
        if depth:
            stored = np.full((30, 40), 1120, np.uint16)
            Image.fromarray(stored).save(root / f"depth/{name}.png")
    matrices = np.tile(np.eye(4), (len(names) if poses is None else poses, 1, 1))
    matrices[:, 0, 3] = 0.1 * np.arange(len(matrices))
    np.savetxt(root / "poses.txt", matrices.reshape(-1, 16))
    np.savetxt(root / "K.txt", [[60.0, 0, 39.5], [0, 60, 29.5], [0, 0, 1]])
    return HoloLens(root)


def test_the_nth_pose_is_that_of_the_nth_image(tmp_path):
    write(tmp_path / "000", "00003", "00004", "00010")
    recording = open_recording(tmp_path)
    assert (recording.layout, recording.sequences()) == ("hololens", ["000"])
    frames = recording.frames("000")
    assert [(f.name, f.number) for f in frames] == [
        ("00003", 0), ("00004", 1), ("00010", 2)
    ]  # fmt: skip
    assert frames[2].cam2world[0, 3] == 0.2
    assert frames[0].color_camera.K[0].tolist() == [60, 0, 39.5]
    assert frames[0].depth_camera.K[0].tolist() == [30, 0, 19.5]
    np.testing.assert_allclose(recording.read_depth(frames[0]), 1.12)


def test_matrices_may_have_four_rows(tmp_path):
    recording = write(tmp_path, "a", "b")
    poses = np.loadtxt(tmp_path / "poses.txt").reshape(-1, 4)
    np.savetxt(tmp_path / "poses.txt", poses)
    (sequence,) = recording.sequences()
    assert recording.frames(sequence)[1].cam2world[0, 3] == 0.1


def test_depth_is_optional_but_not_by_halves(tmp_path):
    (frame,) = write(tmp_path / "a", "1", depth=False).frames("a")
    assert frame.depth is None and frame.depth_camera is None
    recording = write(tmp_path / "b", "1", "2")
    (tmp_path / "b/depth/2.png").unlink()
    bad = recording.frames("b")[1]
    assert bad.number == 1 and "b/depth has no file for frame '2'" in bad.reason


def test_another_number_of_poses_is_refused(tmp_path):
    with pytest.raises(ValueError, match="has 3 poses and images/ 2 images"):
        write(tmp_path / "a", "1", "2", poses=3).names("a")


def test_an_order_that_may_be_read_in_two_ways_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\('10' or '9' first\)"):
        write(tmp_path / "a", "9", "10").names("a")


def test_lost_tracking_costs_its_frame(tmp_path):
    recording = write(tmp_path / "a", "1", "2")
    rows = (tmp_path / "a/poses.txt").read_text().splitlines()
    (tmp_path / "a/poses.txt").write_text("\n".join([rows[0], "nan " * 16]))
    bad = recording.frames("a")[1]
    assert "2 of" in bad.reason and "contains nan: the tracking was lost" in bad.reason


@pytest.mark.parametrize(
    ("text", "message"),
    [("1 2 3\n" * 4, "4 rows of 3 numbers"), ("a " * 16, "no matrices of numbers")],
)
def test_other_rows_are_refused(tmp_path, text, message):
    recording = write(tmp_path / "a", "1")
    (tmp_path / "a/poses.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        recording.names("a")


def test_what_is_missing_is_named(tmp_path):
    write(tmp_path, "1")
    (tmp_path / "K.txt").unlink()
    message = r"HoloLens-style folder \(images, poses.txt, depth\): K.txt is missing"
    with pytest.raises(ValueError, match=message):
        open_recording(tmp_path)
