"""Files that lie where no layout expects them are used or mentioned."""

import numpy as np
import pytest
from PIL import Image

from tests.recordings.layouts import test_rgbd, test_tum
from vantage3d.recordings.detection import open_recording
from vantage3d.recordings.layouts.scannet import ScanNet

K = test_rgbd.K
OWN = np.array([[90.0, 0, 41], [0, 90, 28], [0, 0, 1]])


def first(recording):
    (sequence,) = recording.sequences()
    return recording.frames(sequence)[0]


@pytest.mark.parametrize(
    "place", ["pose/intrinsic.txt", "intrinsics.csv", "depth/K.txt", "../camera.txt"]
)
def test_intrinsics_elsewhere_are_used_and_told(tmp_path, place):
    scene = tmp_path / "kitchen"
    test_rgbd.write(scene, "1", "2")
    (scene / "intrinsic.txt").unlink()
    np.savetxt(scene / place, OWN, delimiter="," if place.endswith("csv") else " ")
    recording = open_recording(tmp_path)
    assert recording.layout == "rgbd"
    np.testing.assert_array_equal(first(recording).depth_camera.K, OWN)
    (told,) = recording.defaults
    assert "kitchen has no intrinsic.txt: " in told and "is taken for it" in told


def test_intrinsics_of_the_other_sensor_are_not(tmp_path):
    test_rgbd.write(tmp_path, "1", "2")
    (tmp_path / "intrinsic.txt").unlink()
    np.savetxt(tmp_path / "pose" / "intrinsic_rgb.txt", OWN)
    with pytest.raises(ValueError, match=r"intrinsic\.txt is missing"):
        open_recording(tmp_path)


def test_a_file_that_does_not_fit_is_mentioned(tmp_path):
    test_tum.write(tmp_path)
    np.savetxt(tmp_path / "camera_intrinsics.txt", np.diag([10, 10, 1]) @ OWN)
    recording = open_recording(tmp_path)
    first(recording)
    told = list(recording.defaults)
    assert "camera_intrinsics.txt is not read as intrinsics" in told[0]
    assert "do not belong to an image of 64x48: fx=900" in told[0]
    assert "525 525 319.5 239.5 are taken" in told[1]


def export(root, size=(64, 48)):
    """A scene of ScanNet's export without intrinsics."""
    scene = root / "scans" / "scene0000_00"
    test_rgbd.write(scene, "0", "20", size=size)
    (scene / "intrinsic.txt").unlink()
    for path in (scene / "depth").iterdir():
        Image.fromarray(np.full(size[::-1], 1000, np.uint16)).save(path)
    return scene


def test_the_text_file_of_a_scan_goes_before_the_nominal_camera(tmp_path):
    scene = export(tmp_path)
    facts = {"fx": 600.0, "fy": 610.0, "mx": 330.0, "my": 241.0}
    lines = [f"{key}_depth = {value}" for key, value in facts.items()]
    lines += ["depthWidth = 640", "depthHeight = 480", "axisAlignment = 1 0 0 0"]
    (scene / "scene0000_00.txt").write_text("\r\n".join(lines))
    recording = open_recording(tmp_path)
    assert recording.layout == "scannet"
    K = first(recording).depth_camera.K
    np.testing.assert_allclose(K[[0, 1], [0, 1]], [60, 61])
    assert "those of" in str(recording.defaults)
    (scene / "scene0000_00.txt").write_text("axisAlignment = 1 0 0 0\n")
    recording = open_recording(tmp_path)
    np.testing.assert_allclose(first(recording).depth_camera.K[0, 0], 57.787, atol=1e-3)
    assert "nominal intrinsics of ScanNet's sensor are taken" in str(recording.defaults)


def test_the_colour_camera_of_registered_images_is_said_to_be_unused(tmp_path):
    scene = export(tmp_path)
    for sensor, f in (("depth", 57.0), ("color", 117.0)):
        own = np.array([[f, 0, 31.5], [0, f, 23.5], [0, 0, 1]])
        np.savetxt(scene / f"intrinsic_{sensor}.txt", own)
    recording = ScanNet(tmp_path)
    first(recording)
    (told,) = recording.defaults
    assert "taken as registered" in told and "intrinsic_color.txt is not used" in told


def test_archives_among_the_files_are_mentioned(tmp_path):
    test_rgbd.write(tmp_path / "desk", "1", "2")
    (tmp_path / "desk" / "color.zip").touch()
    (tmp_path / "seq-02.zip").touch()
    (told,) = open_recording(tmp_path).defaults
    assert "archives that are not read: seq-02.zip, desk/color.zip. Unpack" in told
