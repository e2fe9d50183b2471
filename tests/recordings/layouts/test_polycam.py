"""Polycam's raw data: cameras with rows of a pose, corrected ones first."""

import json

import numpy as np
import pytest
from PIL import Image

from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.layouts import Polycam
from vantage3d.recordings.recording import Unusable

SIZE = 96, 72
# At (1, 2, 3), looking along world -z with y up: no turn in ARKit's axes.
ROWS = {f"t_{i}{j}": float(i == j) for i in range(3) for j in range(4)}
CAMERA = {"fx": 80, "fy": 81, "cx": 48.5, "cy": 36.5, "width": 96, "height": 72}
CAMERA |= ROWS | {"t_03": 1, "t_13": 2, "t_23": 3}


def write(root, *names, corrected=True, camera=CAMERA):
    kinds = ("", "corrected_") if corrected else ("",)
    for name in names:
        for kind in kinds:
            for part in (f"{kind}images", f"{kind}cameras", "depth"):
                (root / "keyframes" / part).mkdir(parents=True, exist_ok=True)
            grey = 200 if kind else 20
            path = root / f"keyframes/{kind}images/{name}.jpg"
            Image.new("RGB", SIZE, (grey,) * 3).save(path)
            text = json.dumps(camera | {"fx": 90} if kind else camera)
            (root / f"keyframes/{kind}cameras/{name}.json").write_text(text)
        stored = np.full((24, 32), 1250, np.uint16)
        Image.fromarray(stored).save(root / f"keyframes/depth/{name}.png")
    (root / "polycam.mp4").touch()
    (root / "mesh_info.json").write_text("{}")
    return root


def frames(recording):
    (sequence,) = recording.sequences()
    return recording.frames(sequence)


def test_corrected_images_and_cameras_go_first(tmp_path):
    root = write(tmp_path / "capture", "2000000", "10500000")
    for folder in (tmp_path, root):
        recording = open_recording(folder)
        assert recording.layout == "polycam"
    first, second = frames(recording)
    assert (first.timestamp, second.timestamp) == (2, 10.5)
    np.testing.assert_allclose(
        first.color_camera.K, [[90, 0, 48], [0, 81, 36], [0, 0, 1]]
    )
    assert recording.read_color(first)[0, 0, 0] > 190
    expected = np.diag([1.0, -1, -1, 1])
    expected[:3, 3] = 1, 2, 3
    np.testing.assert_allclose(first.cam2world, expected)
    assert (recording.read_depth(first) == 1.25).all()
    np.testing.assert_allclose(first.depth_camera.K[0], [30, 0, 48.5 / 3 - 0.5])


def test_without_them_that_is_said(tmp_path):
    recording = Polycam(write(tmp_path, "1", corrected=False))
    assert frames(recording)[0].color_camera.K[0, 0] == 80
    assert any("has no corrected_images" in text for text in recording.defaults)


def test_keyframes_without_correction_are_left_out_and_counted(tmp_path):
    root = write(tmp_path, "1", "2", "3")
    (root / "keyframes/corrected_images/2.jpg").unlink()
    recording = Polycam(root)
    assert [frame.name for frame in frames(recording)] == ["1", "3"]
    assert any("1 of 3 keyframes have no corrected" in t for t in recording.defaults)


def test_sizes_may_be_left_out(tmp_path):
    camera = {
        key: value for key, value in CAMERA.items() if key not in ("width", "height")
    }
    (frame,) = frames(Polycam(write(tmp_path, "1", camera=camera)))
    assert frame.color_camera.size == SIZE


def test_what_is_damaged_or_missing_is_named(tmp_path):
    root = write(tmp_path, "1", "2", "3", "4")
    folder = root / "keyframes/corrected_cameras"
    (folder / "1.json").write_text('{"fx": 80')
    (folder / "2.json").unlink()
    (folder / "3.json").write_text(json.dumps({**CAMERA, "t_00": 2}))
    (root / "keyframes/depth/4.png").unlink()
    found = frames(Polycam(root))
    assert all(isinstance(frame, Unusable) for frame in found)
    for frame, text in zip(found, (
        "1.json is truncated or no camera of Polycam",
        "cameras has no file for frame '2'",
        "of the camera of 3 is not rigid",
        "depth has no file for frame '4'",
    )):  # fmt: skip
        assert text in frame.reason


def test_what_a_capture_lacks_is_named(tmp_path):
    (tmp_path / "keyframes/images").mkdir(parents=True)
    with pytest.raises(ValueError, match=r"\(keyframes/images\): keyframes/cameras is"):
        open_recording(tmp_path)
