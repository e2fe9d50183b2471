"""Any recording as plain files, read again as transforms.json."""

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.io import test_video
from tests.recordings.layouts import test_colmap, test_rgbd
from vantage3d.converters.recordings import RecordingSource
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.recording import RecordedFrame


def frames(recording):
    (sequence,) = recording.sequences()
    found = recording.frames(sequence)
    assert all(isinstance(frame, RecordedFrame) for frame in found)
    return found


@pytest.fixture
def bent(tmp_path):
    """Two images of a lens, a smooth picture and a depth map of steps."""
    names = ("c/a 1.png", "d/b.png")
    root = test_colmap.write(tmp_path / "desk", *names, camera=test_colmap.BENT)
    y, x = np.mgrid[:60, :80]
    for name in names:
        picture = np.stack([x, y, x + y], -1).astype(np.uint8)
        Image.fromarray(picture).save(root / "images" / name)
        (root / "depth" / name).parent.mkdir(parents=True)
        stored = (1000 + 500 * (x > 40)).astype(np.uint16)
        Image.fromarray(stored).save(root / "depth" / name)
    return root


def test_a_lens_becomes_a_pinhole(bent, create_data, tmp_path):
    source = RecordingSource(open_recording(bent))
    (sequence,) = source.recording.sequences()
    found = source.frames(sequence)
    assert "distortion of a lens (OPENCV), and training" in found[0].reason
    assert "create_data.py plain" in found[0].reason
    out = create_data("plain", bent, tmp_path / "out")
    before, after = source.recording, open_recording(out)
    assert after.layout == "transforms"
    for one, other in zip(frames(before), frames(after)):
        assert other.made_on_reading == ""
        np.testing.assert_allclose(other.cam2world, one.cam2world, atol=1e-12)
        np.testing.assert_allclose(other.color_camera.K, one.color_camera.K)
        depth = before.read_depth(one)
        np.testing.assert_allclose(after.read_depth(other), depth, atol=6e-4)
        color = before.read_color(one).astype(int)
        inner = (slice(8, -8), slice(8, -8))
        assert np.abs(after.read_color(other).astype(int) - color)[inner].mean() < 3
    assert [f.name for f in frames(after)] == ["c.2fa.201", "d.2fb"]
    indexed = RecordingSource(after)
    assert len(indexed.frames(*after.sequences())[0].K) == 3


def test_a_colour_camera_of_its_own_is_brought_to_depth(create_data, tmp_path):
    root = tmp_path / "desk"
    test_rgbd.write(root, "1", "2", size=(120, 90))
    K_color = np.array([[90.0, 0, 59.5], [0, 90, 44.5], [0, 0, 1]])
    np.savetxt(root / "intrinsic_color.txt", K_color)
    again = open_recording(create_data("plain", root, tmp_path / "out"))
    frame = frames(again)[0]
    np.testing.assert_allclose(frame.color_camera.K, test_rgbd.K)
    assert frame.color_camera.size == frame.depth_camera.size == (80, 60)


def test_a_video_becomes_images(create_data, tmp_path):
    path = test_video.write(tmp_path / "walk.mp4", frames=6)
    out = create_data("plain", path, tmp_path / "out")
    found = sorted((out / "walk/images").iterdir())
    assert [file.name for file in found] == [f"00000{n}.jpg" for n in range(6)]
    image = cv2.imread(str(found[4]))
    assert test_video.number_of(image) == 4
    assert not (out / "walk/transforms.json").exists()


def test_too_many_bad_frames_are_an_error(bent, create_data, tmp_path):
    (bent / "images/d/b.png").unlink()
    with pytest.raises(SystemExit, match="1 of 2 frames of desk cannot be used, allow"):
        create_data("plain", bent, tmp_path / "out")
    assert not (tmp_path / "out/desk/transforms.json").exists()
    create_data("plain", bent, tmp_path / "out", "--max-skipped", "0.5")
    assert (tmp_path / "out/desk/transforms.json").exists()
