"""Replica: rows of a trajectory, units and the camera of a JSON file."""

import json

import numpy as np
import pytest
from PIL import Image

from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.layouts import Replica
from vantage3d.recordings.recording import Unusable

CAMERA = {"fx": 60.0, "fy": 61.0, "cx": 39.5, "cy": 29.5, "w": 80, "h": 60}


def write(root, *numbers, rows=None, scale=6553.5, size=(80, 60), nested=True):
    """A wall two metres away; the camera of row n stands n decimetres to the right."""
    (root / "results").mkdir(parents=True)
    for number in numbers:
        Image.new("RGB", size).save(root / f"results/frame{number:06d}.jpg")
        stored = np.full((60, 80), round(2 * scale), np.uint16)
        Image.fromarray(stored).save(root / f"results/depth{number:06d}.png")
    poses = np.tile(np.eye(4), (rows or len(numbers), 1, 1))
    poses[:, 0, 3] = 0.1 * np.arange(len(poses))
    np.savetxt(root / "traj.txt", poses.reshape(-1, 16))
    content = CAMERA | {"scale": scale}
    text = json.dumps({"camera": content} if nested else content)
    (root.parent / "cam_params.json").write_text(text)
    return Replica(root)


@pytest.mark.parametrize("nested", [True, False])
def test_frames_have_the_row_of_their_number(tmp_path, nested):
    write(tmp_path / "Replica" / "room0", 0, 1, 2, nested=nested)
    recording = open_recording(tmp_path / "Replica")
    assert (recording.layout, recording.sequences()) == ("replica", ["room0"])
    frames = recording.frames("room0")
    assert [(f.name, f.number) for f in frames] == [
        ("000000", 0), ("000001", 1), ("000002", 2)
    ]  # fmt: skip
    assert frames[2].cam2world[0, 3] == 0.2
    assert frames[2].depth_camera.K[0].tolist() == [60, 0, 39.5]
    assert (recording.read_depth(frames[0]) == 2).all()


def test_gaps_keep_their_rows_and_a_short_start_is_said(tmp_path):
    thinned = write(tmp_path / "a" / "room0", 0, 10, rows=20)
    assert thinned.frames("room0")[1].cam2world[0, 3] == 1.0 and not thinned.defaults
    start = write(tmp_path / "b" / "room0", 0, 1, rows=20)
    assert start.frames("room0")[1].cam2world[0, 3] == 0.1
    (said,) = start.defaults
    assert "traj.txt has 20 rows and results/ only the first 2 images" in said


def test_a_trajectory_that_is_too_short_is_refused(tmp_path):
    recording = write(tmp_path / "room0", 0, 10, rows=2)
    with pytest.raises(ValueError, match="has 2 rows and results/ 2 images up to 10"):
        recording.names("room0")


def test_scenes_of_other_units_are_refused(tmp_path):
    for number, scale in enumerate((6553.5, 1000.0)):
        write(tmp_path / str(number) / "room", 0, scale=scale)
    with pytest.raises(ValueError, match=r"other units of depth: \[1000\.0, 6553\.5\]"):
        _ = Replica(tmp_path).depth_scale


def test_resized_images_have_a_resized_camera(tmp_path):
    (frame,) = write(tmp_path / "room0", 0, size=(40, 30)).frames("room0")
    assert frame.color_camera.K[0].tolist() == [30, 0, 19.5]
    (bad,) = write(tmp_path / "b" / "room0", 0, size=(60, 60)).frames("room0")
    assert "frame000000.jpg is 60x60, and cam_params.json is for images" in bad.reason


def test_what_is_missing_is_named(tmp_path):
    recording = write(tmp_path / "room0", 0, 1)
    (tmp_path / "room0/results/depth000001.png").unlink()
    bad = recording.frames("room0")[1]
    assert isinstance(bad, Unusable) and bad.number == 1
    assert "results/depth* has no file for frame '000001', but 1 other" in bad.reason
    results = tmp_path / "room0/results"
    (results / "depth000000.png").rename(results / "depth0.png")
    (bad, _) = Replica(tmp_path / "room0").frames("room0")
    assert "but depth0.png: the names differ in letter case or leading" in bad.reason
    (results / "depth0.png").rename(results / "DEPTH000000.PNG")
    frame = Replica(tmp_path / "room0").frame("room0", "000000")
    assert frame.depth.name == "DEPTH000000.PNG"
    (tmp_path / "cam_params.json").write_text("{}")
    with pytest.raises(ValueError, match=r"cam_params.json is truncated or .*'fx'"):
        Replica(tmp_path / "room0").names("room0")
    (tmp_path / "cam_params.json").unlink()
    message = r"like Replica \(traj.txt, results\): cam_params.json is missing"
    with pytest.raises(ValueError, match=message):
        open_recording(tmp_path / "room0")
