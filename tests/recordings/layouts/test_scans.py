"""SceneNN and 3RScan: what is recognised, their cameras, what is said of wrong files.

What their frames mean is tested against rooms in tests/esam/converters/test_scans.py.
"""

import numpy as np
import pytest
from PIL import Image

from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.layouts import SceneNN, ThreeRScan
from vantage3d.recordings.layouts.scenenn import UPRIGHT

INFO = """m_colorWidth = 96
m_calibrationColorIntrinsic = 75.6 0 49.2 0 0 75.6 27.0 0 0 0 1 0 0 0 0 1
m_calibrationDepthIntrinsic = 17.6 0 11.4 0 0 24.0 8.5 0 0 0 1 0 0 0 0 1
"""


def image(path, size, kind):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((size[1], size[0], 3), 90, np.uint8)
    if kind == "depth":
        pixels = np.full(size[::-1], 1500, np.uint16)
    Image.fromarray(pixels).save(path)


def scan_of_3rscan(root):
    folder = root / "754e884c" / "sequence"
    for number in (0, 1):
        stem = f"frame-{number:06d}"
        image(folder / f"{stem}.color.jpg", (96, 54), "color")
        image(folder / f"{stem}.depth.pgm", (22, 17), "depth")
        np.savetxt(folder / f"{stem}.pose.txt", np.eye(4))
    (folder / "_info.txt").write_text(INFO)
    return folder


def test_3rscan_has_two_cameras_of_one_view(tmp_path):
    folder = scan_of_3rscan(tmp_path)
    recording = open_recording(tmp_path)
    assert isinstance(recording, ThreeRScan)
    assert recording.sequences() == ["754e884c"]
    frame = recording.frame("754e884c", "frame-000001")
    assert frame.depth_camera.K[[0, 1], [0, 1]].tolist() == [17.6, 24.0]
    assert (
        frame.own_color_intrinsics == frame.color_camera.K
    ).all() and frame.own_color_intrinsics[0, 2] == 49.2
    assert (recording.read_depth(frame) == 1.5).all()
    assert ThreeRScan(folder).sequences() == ["754e884c"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "m_calibrationDepth",
            "m_Depth",
            r"DepthIntrinsic must have 16 .*no such line",
        ),
        (
            "17.6 0 ",
            "17.6 ",
            r"m_calibrationDepthIntrinsic must have 16 numbers, got 17",
        ),
        ("75.6 0 49.2", "756 0 492", r"ColorIntrinsic of .* an image of 96x54: fx=756"),
    ],
)
def test_wrong_intrinsics_of_3rscan(tmp_path, old, new, message):
    path = scan_of_3rscan(tmp_path) / "_info.txt"
    path.write_text(INFO.replace(old, new))
    with pytest.raises(ValueError, match=message):
        ThreeRScan(tmp_path).frame("754e884c", "frame-000000")
    path.unlink()
    assert open_recording(tmp_path).layout == "sevenscenes"


def scenenn(root, size=(640, 480)):
    for number in (1, 2, 41):
        image(root / "016" / "image" / f"image{number:05d}.png", size, "color")
        image(root / "016" / "depth" / f"depth{number:05d}.png", size, "depth")
    poses = "".join(
        f"{n} {n} {n + 1}\n1 0 0 {n}\n0 1 0 0\n0 0 1 0\n0 0 0 1\n" for n in (0, 40)
    )
    (root / "016" / "trajectory.log").write_text(poses)
    return SceneNN(root)


def test_scenenn_is_turned_upright_and_has_the_nominal_camera(tmp_path):
    scenenn(tmp_path)
    recording = open_recording(tmp_path)
    assert isinstance(recording, SceneNN) and recording.sequences() == ["016"]
    first, lost, last = recording.frames("016")
    assert (first.number, last.number) == (1, 41)
    assert "has no pose of frame 2, its frames are 1 to 41" in lost.reason
    raw = np.eye(4)
    raw[0, 3] = 40
    np.testing.assert_array_equal(last.cam2world, UPRIGHT @ raw)
    np.testing.assert_array_equal(UPRIGHT[:3, :3] @ [0, 1, 0], [0, 0, 1])
    assert last.depth_camera.K[0].tolist() == [544.47329, 0, 320]
    (told,) = recording.defaults
    assert "016 has no intrinsic.txt: the nominal intrinsics of SceneNN" in told


def test_poses_of_scenenn_may_be_arrays(tmp_path):
    recording, folder = scenenn(tmp_path), tmp_path / "016" / "pose"
    folder.mkdir()
    pose = np.eye(4)
    pose[2, 3] = 3
    np.save(folder / "00001.npy", pose)
    np.save(folder / "00041.npy", pose[:3])
    first, lost, short = recording.frames("016")
    np.testing.assert_array_equal(first.cam2world, UPRIGHT @ pose)
    assert "pose has no file for frame '2'" in lost.reason
    assert "00041.npy has the shape (3, 4), expected (4, 4)" in short.reason


def test_nominal_intrinsics_of_scenenn_are_for_one_size(tmp_path):
    bad = scenenn(tmp_path, (320, 240)).frames("016")[0]
    assert "images of 320x240; the nominal intrinsics are for 640x480" in bad.reason
