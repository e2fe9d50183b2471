"""Record3D exports: intrinsics column by column, OpenGL poses, depth in metres."""

import json
import os

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from tests.io import test_lzfse
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.layouts import Record3D
from vantage3d.recordings.recording import Unusable

os.environ.setdefault("OPENCV_IO_ENABLE_OPENEXR", "1")
SIZE = 72, 96  # upright, as the app stores them
TURN = Rotation.from_euler("y", 30, degrees=True)


def metadata(count, **more):
    quaternion = TURN.as_quat().tolist()  # qx qy qz qw
    poses = [[*quaternion, 0.1 * number, 0.2, 0.3] for number in range(count)]
    K = [80, 0, 0, 0, 81, 0, 36.5, 48.5, 1]
    return {"w": 72, "h": 96, "fps": 20, "K": K, "poses": poses, **more}


def write(root, count=3, **more):
    """An EXR + JPG sequence."""
    for part in ("rgb", "depth"):
        (root / part).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.new("RGB", SIZE).save(root / f"rgb/{number}.jpg")
        depth = np.full((32, 24), 1.5, np.float32)
        depth[0] = np.nan
        cv2.imwrite(str(root / f"depth/{number}.exr"), depth)
    (root / "metadata.json").write_text(json.dumps(metadata(count, **more)))
    return root


def frames(recording):
    (sequence,) = recording.sequences()
    return recording.frames(sequence)


def test_cameras_poses_and_depth(tmp_path):
    recording = open_recording(write(tmp_path / "EXR_RGBD", count=11))
    assert recording.layout == "record3d"
    found = frames(recording)
    assert [f.name for f in found][-2:] == ["9", "10"]
    frame = found[2]
    expected = [[80, 0, 36], [0, 81, 48], [0, 0, 1]]
    np.testing.assert_allclose(frame.color_camera.K, expected)
    turn = TURN.as_matrix() @ np.diag([1, -1, -1])  # from OpenGL's axes
    np.testing.assert_allclose(frame.cam2world[:3, :3], turn, atol=1e-12)
    np.testing.assert_allclose(frame.cam2world[:3, 3], [0.2, 0.2, 0.3])
    depth = recording.read_depth(frame)
    assert (depth[1:] == 1.5).all() and (depth[0] == 0).all()
    np.testing.assert_allclose(frame.depth_camera.K[0, 2], 36.5 / 3 - 0.5)
    assert frame.timestamp == 0.1


def test_newer_exports_have_intrinsics_and_times_of_each_frame(tmp_path):
    each = [[80 + n, 81, 36.5, 48.5] for n in range(3)]
    root = write(
        tmp_path, perFrameIntrinsicCoeffs=each, frameTimestamps=[0, 0.07, 0.11]
    )
    found = frames(Record3D(root))
    assert [f.color_camera.K[0, 0] for f in found] == [80, 81, 82]
    assert found[1].timestamp == 0.07


def test_the_front_camera_has_no_poses(tmp_path):
    recording = Record3D(write(tmp_path, poses=[[0, 0, 0, 1, 0, 0, 0]] * 3))
    assert [frame.cam2world for frame in frames(recording)] == [None] * 3
    assert any("all poses are equal" in text for text in recording.defaults)


def test_an_unpacked_r3d_file(tmp_path):
    pytest.importorskip("lzfse")
    (tmp_path / "rgbd").mkdir()
    depth = np.arange(32 * 24).reshape(32, 24) / 100
    test_lzfse.write(tmp_path / "rgbd/0.depth", depth, SIZE)
    (tmp_path / "metadata").write_text(json.dumps(metadata(1)))
    recording = open_recording(tmp_path)
    found = recording.read_depth(frames(recording)[0])
    np.testing.assert_array_equal(found, depth.astype(np.float32))


def test_a_packed_file_is_recognised(tmp_path):
    (tmp_path / "walk.r3d").write_bytes(b"PK")
    with pytest.raises(
        ValueError, match=r"content unpacked \(unzip walk.r3d -d walk\)"
    ):
        open_recording(tmp_path)


def test_what_does_not_fit_is_named(tmp_path):
    root = write(tmp_path, poses=metadata(2)["poses"])
    last = frames(Record3D(root))[-1]
    assert isinstance(last, Unusable) and "has 2 poses and there is" in last.reason
    (root / "metadata.json").write_text(json.dumps({"w": 72, "h": 96}))
    with pytest.raises(ValueError, match="lacks K, poses"):
        raise ValueError(frames(Record3D(root))[0].reason)
    (root / "metadata.json").write_text('{"w": 7')
    assert "truncated or no JSON" in frames(Record3D(root))[0].reason
    root = write(tmp_path / "padded", 1)
    (root / "depth/0.exr").rename(root / "depth/000.exr")
    assert "but 000.exr: the names differ in" in frames(Record3D(root))[0].reason
