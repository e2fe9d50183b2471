"""TUM RGB-D: what is paired by time."""

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from vantage3d.recordings.layouts import TumRgbd
from vantage3d.recordings.options import Remedies
from vantage3d.recordings.recording import Unusable


def write(root, late=0.004):
    """Ten frames at 30 Hz; the camera moves 1 m/s in x and turns 10 deg/s about y."""
    lines = {"rgb.txt": ["# color images"], "depth.txt": [], "groundtruth.txt": []}
    for part in ("rgb", "depth"):
        (root / part).mkdir(parents=True)
    for number in range(10):
        time = 100 + number / 30
        Image.new("RGB", (64, 48)).save(root / f"rgb/{time:.6f}.png")
        lines["rgb.txt"].append(f"{time:.6f} rgb/{time:.6f}.png")
        time += late
        stored = np.full((48, 64), 5000, np.uint16)
        Image.fromarray(stored).save(root / f"depth/{time:.6f}.png")
        lines["depth.txt"].append(f"{time:.6f}\tdepth/{time:.6f}.png")
    for time in 99.9 + np.arange(60) / 100:
        x, y, z, w = Rotation.from_euler("y", 10 * time, degrees=True).as_quat()
        pose = [time, time - 100, 0, 0, x, y, z, w]
        lines["groundtruth.txt"].append(" ".join(map(repr, map(float, pose))))
    for name, text in lines.items():
        (root / name).write_text("\n".join(text))
    return TumRgbd(root)


def test_depth_and_pose_are_those_of_the_time(tmp_path):
    recording = write(tmp_path / "rgbd_dataset_freiburg2_desk")
    (sequence,) = recording.sequences()
    frame = recording.frames(sequence)[3]
    time = 100 + 3 / 30 + 0.004  # of the depth image
    np.testing.assert_allclose(frame.timestamp, time, atol=1e-5)
    np.testing.assert_allclose(frame.cam2world[:3, 3], [time - 100, 0, 0], atol=1e-5)
    turned = Rotation.from_euler("y", 10 * time, degrees=True).as_matrix()
    np.testing.assert_allclose(frame.cam2world[:3, :3], turned, atol=1e-6)
    assert (recording.read_depth(frame) == 1).all()
    np.testing.assert_allclose(frame.depth_camera.K[0, 0], 52.09)
    assert "the published ones of freiburg2 are taken" in next(iter(recording.defaults))


def test_images_far_apart_and_lost_tracking_are_told(tmp_path):
    recording = write(tmp_path / "desk", late=0.025)  # nearest is 8 ms before
    found = recording.frames("desk")
    assert "nearest depth image is 25 ms away, allowed are 20" in found[0].reason
    assert not isinstance(found[1], Unusable)
    path = tmp_path / "desk" / "groundtruth.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:25]))
    again = TumRgbd(tmp_path / "desk" / ".." / "desk")
    assert "has no poses around its time 100.292" in again.frames("desk")[-1].reason


def test_a_list_that_leads_out_is_refused_unless_the_folder_is_declared(tmp_path):
    write(tmp_path / "other")
    recording = write(tmp_path / "desk")
    path = tmp_path / "desk" / "rgb.txt"
    path.write_text(path.read_text().replace(" rgb/", " ../other/rgb/"))
    with pytest.raises(ValueError, match=r"rgb\.txt names '\.\./other/rgb/100\.0000"):
        TumRgbd(recording.root).frames("desk")
    declared = Remedies(extra_roots=(tmp_path / "other",))
    frame = TumRgbd(recording.root, declared).frames("desk")[3]
    assert frame.color.resolve().is_relative_to(tmp_path / "other")
    path.write_text("later rgb/a.png\n")
    with pytest.raises(ValueError, match=r"rgb\.txt has a time that is no .*'later"):
        TumRgbd(recording.root).frames("desk")


def test_a_link_out_of_the_recording_is_refused(tmp_path):
    write(tmp_path / "other")
    recording = write(tmp_path / "desk")
    image = sorted((recording.root / "rgb").iterdir())[3]
    image.unlink()
    image.symlink_to(tmp_path / "other" / "rgb" / image.name)
    with pytest.raises(ValueError, match=r"which is .*other/rgb/.*: outside of .*desk"):
        recording.frames("desk")


def test_depth_of_another_size_has_a_resized_camera(tmp_path):
    recording = write(tmp_path)
    for path in (tmp_path / "depth").iterdir():
        Image.fromarray(np.full((24, 32), 5000, np.uint16)).save(path)
    frame = recording.frames(tmp_path.name)[3]
    K = frame.color_camera.K
    assert frame.depth_camera.size == (32, 24)
    assert frame.depth_camera.K[0, 0] == pytest.approx(K[0, 0] / 2)


def test_two_images_of_one_name_are_refused(tmp_path):
    recording = write(tmp_path)
    path = tmp_path / "rgb.txt"
    path.write_text(path.read_text() + "\n101 rgb/100.000000.png\n")
    message = r"rgb/100.0+.png and rgb/100.0+.png would both be called '100.000000'"
    with pytest.raises(ValueError, match=message):
        recording.names(tmp_path.name)
