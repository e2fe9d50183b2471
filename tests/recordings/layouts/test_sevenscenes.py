"""7-Scenes: intrinsics that are nominal or beside the frames, and missing files."""

import re

import numpy as np
import pytest
from PIL import Image

from tests.shared import need
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.layouts import SevenScenes
from vantage3d.recordings.recording import Unusable


def write(root, *numbers, size=(640, 480), kinds=("color", "depth", "pose")):
    """Frames of a sequence, 10 cm apart."""
    root.mkdir(parents=True, exist_ok=True)
    for step, number in enumerate(numbers):
        stem = f"frame-{number:06d}"
        if "color" in kinds:
            Image.new("RGB", size).save(root / f"{stem}.color.jpg")
        if "depth" in kinds:
            stored = np.full(size[::-1], 1500, np.uint16)
            Image.fromarray(stored).save(root / f"{stem}.depth.png")
        if "pose" in kinds:
            pose = np.eye(4)
            pose[0, 3] = 0.1 * step
            np.savetxt(root / f"{stem}.pose.txt", pose)
    return SevenScenes(root)


def test_frames_have_nominal_cameras_and_their_numbers(tmp_path):
    write(tmp_path / "chess" / "seq-01", 4, 25)
    recording = open_recording(tmp_path)
    assert (recording.layout, recording.sequences()) == (
        "sevenscenes",
        ["chess/seq-01"],
    )
    first, second = recording.frames("chess/seq-01")
    assert [(f.name, f.number) for f in (first, second)] == [
        ("frame-000004", 4), ("frame-000025", 25)
    ]  # fmt: skip
    assert second.cam2world[0, 3] == 0.1
    assert first.depth_camera.K[:2, 2].tolist() == [320, 240]
    assert (recording.read_depth(first) == 1.5).all()
    (told,) = recording.defaults
    assert "seq-01 has no camera-intrinsics.txt: the nominal intrinsics of 7-" in told


def test_nominal_intrinsics_are_for_one_size(tmp_path):
    (bad,) = write(tmp_path / "a", 0, size=(320, 240)).frames("a")
    assert "images of 320x240; the nominal intrinsics are for 640x480" in bad.reason


@pytest.mark.parametrize("where", [".", ".."])
def test_intrinsics_beside_or_above_the_frames_are_taken(tmp_path, where):
    """As 3DMatch has them, whose poses may be absent."""
    recording = write(tmp_path / "a", 0, size=(320, 240), kinds=("color", "depth"))
    K = [[300.0, 0, 160], [0, 300, 120], [0, 0, 1]]
    np.savetxt(tmp_path / "a" / where / "camera-intrinsics.txt", K)
    assert open_recording(tmp_path / "a").layout == "sevenscenes"
    (frame,) = recording.frames("a")
    assert frame.color_camera.K[0, 0] == 300 and frame.cam2world is None
    assert not recording.defaults


def test_without_poses_and_intrinsics_it_is_no_recording(tmp_path):
    write(tmp_path, 0, kinds=("color", "depth"))
    message = r"looks like 7-Scenes .*: frame-\*\.pose\.\* is missing"
    with pytest.raises(ValueError, match=message):
        open_recording(tmp_path)


def test_a_missing_file_costs_its_frame(tmp_path):
    recording = write(tmp_path / "a", 0, 1)
    (tmp_path / "a" / "frame-000001.depth.png").unlink()
    found = recording.frames("a")
    assert isinstance(found[1], Unusable) and found[1].number == 1
    message = r"a/frame-\*.depth.\* has no file for frame 'frame-000001', but 1 other"
    assert re.search(message, found[1].reason)
    (tmp_path / "a" / "frame-000000.depth.png").rename(tmp_path / "a/frame-0.depth.png")
    bad = {one.name: one.reason for one in SevenScenes(tmp_path / "a").frames("a")}
    assert list(bad) == ["frame-0", "frame-000000", "frame-000001"]
    assert "but frame-0.depth.png: the names differ in letter" in bad["frame-000000"]
    (tmp_path / "a/frame-0.depth.png").rename(tmp_path / "a/FRAME-000000.Depth.PNG")
    with pytest.raises(FileNotFoundError, match=r"but FRAME-000000\.Depth\.PNG: the n"):
        SevenScenes(tmp_path / "a").frame("a", "frame-000000")


def test_two_files_of_one_frame_are_refused(tmp_path):
    recording = write(tmp_path / "a", 0)
    Image.new("RGB", (640, 480)).save(tmp_path / "a" / "frame-000000.color.png")
    with pytest.raises(ValueError, match=r"color.jpg and frame-0*\.color.png: one fra"):
        recording.names("a")


def test_real_frames_are_recognised():
    recording = open_recording(need("data/sevenscenes_tsdf"))
    (sequence,) = recording.sequences()
    frames = recording.frames(sequence)
    assert recording.layout == "sevenscenes" and not recording.defaults
    assert len(frames) == 30 and [f.number for f in frames[:3]] == [0, 25, 50]
    depth = recording.read_depth(frames[0])
    assert 0.5 < np.median(depth[depth > 0]) < 5 and depth.max() < 65
