import re
import shutil

import numpy as np
import pytest

from tests.shared import need
from vantage3d.converters.kitti360.raw import (
    Kitti360Layout,
    check_chain,
    read_calibration,
    read_poses,
)
from vantage3d.synthetic.layouts.drives import drive_name
from vantage3d.synthetic.streets.drive import make_rig

REAL = "data/kitti360_sample"


def test_synthetic_calibration_is_the_rig(raw):
    found, rig = read_calibration(raw / "calibration"), make_rig()
    for camera in (0, 1):
        np.testing.assert_allclose(found.K[camera], rig.intrinsics((352, 94)))
        np.testing.assert_allclose(
            found.cam2imu[camera], rig.cam2imu(camera), atol=1e-9
        )
        assert found.size[camera] == (352, 94)
    np.testing.assert_allclose(found.velo2imu, rig.velo2imu(), atol=1e-9)


def test_chain_gives_cam0_to_world_and_a_broken_one_is_named(raw, tmp_path):
    folder = raw / "data_poses" / drive_name(0)
    poses = read_poses(folder / "poses.txt")
    calibration = read_calibration(raw / "calibration")
    assert check_chain(calibration, poses, folder / "cam0_to_world.txt") < 1e-6
    shutil.copytree(raw / "calibration", tmp_path / "c")
    path = tmp_path / "c/perspective.txt"
    rectify = "R_rect_00: 1 0 0 0 1 0 0 0 1"
    path.write_text(re.sub("R_rect_00: .*", rectify, path.read_text()))
    message = r"frame \d differs by 0\.0\d+ from poses.txt x cam_to_pose"
    with pytest.raises(ValueError, match=message):
        check_chain(
            read_calibration(tmp_path / "c"), poses, folder / "cam0_to_world.txt"
        )


def test_real_calibration_by_hand():
    """R_rect x inverse(cam_to_velo), and a rectified stereo pair at its baseline."""
    folder = need(f"{REAL}/calibration")
    found, lines = read_calibration(folder), {}
    for line in (folder / "perspective.txt").read_text().splitlines():
        key, _, rest = line.partition(":")
        lines[key] = rest.split()
    R = np.array(lines["R_rect_00"], float).reshape(3, 3)
    to_velo = np.eye(4)
    to_velo[:3] = np.array(
        (folder / "calib_cam_to_velo.txt").read_text().split(), float
    ).reshape(3, 4)
    by_hand = np.linalg.inv(to_velo)
    by_hand[:3] = R @ by_hand[:3]
    np.testing.assert_allclose(found.velo2cam(0), by_hand, atol=2e-6)
    assert found.K[0][0, 0] == 552.554261 and found.size[0] == (1408, 376)
    right = np.linalg.inv(found.cam2imu[0]) @ found.cam2imu[1]
    np.testing.assert_allclose(right[:3, :3], np.eye(3), atol=2e-3)
    baseline = -float(lines["P_rect_01"][3]) / 552.554261
    np.testing.assert_allclose(right[:3, 3], [baseline, 0, 0], atol=0.02)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("perspective.txt", "P_rect_00", "P_rekt_00", "has no entry 'P_rect_00'"),
        (
            "calib_cam_to_velo.txt",
            "0.8",
            "",
            "expected 12 finite values, got 11",
        ),
        ("calib_cam_to_pose.txt", "1.58", "nan", "expected 12 finite values, got 12"),
        (
            "calib_cam_to_pose.txt",
            "1.58",
            "x",
            "could not convert string to float",
        ),
        ("perspective.txt", "P_rect_01", "P_rect_00", "has two lines 'P_rect_00'"),
        (
            "perspective.txt",
            "R_rect_00: 0.99",
            "R_rect_00: 9.99",
            "R_rect_00: expected a rotation, got singular values",
        ),
    ],
)
def test_broken_files_are_named(raw, tmp_path, file, old, new, message):
    shutil.copytree(raw / "calibration", tmp_path / "c")
    text = (tmp_path / "c" / file).read_text()
    assert old in text
    (tmp_path / "c" / file).write_text(text.replace(old, new, 1))
    with pytest.raises(ValueError, match=f"{file}.*{message}"):
        read_calibration(tmp_path / "c")


def test_missing_and_empty_files(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"perspective.txt is missing. docs/"):
        read_calibration(tmp_path)
    (tmp_path / "poses.txt").write_text("\n")
    with pytest.raises(ValueError, match=r"poses.txt lists no pose"):
        read_poses(tmp_path / "poses.txt")
    (tmp_path / "poses.txt").write_text("1 2 3\n")
    with pytest.raises(ValueError, match=r"line 1: expected 13 finite values, got 3"):
        read_poses(tmp_path / "poses.txt")
    line = "7 1 0 0 0 0 1 0 0 0 0 1 0\n"
    for text in (2 * line, line + line.replace("7", "7.5", 1)):
        (tmp_path / "poses.txt").write_text(text)
        with pytest.raises(
            ValueError, match=r"line 2 is of frame 7.*, expected a numb"
        ):
            read_poses(tmp_path / "poses.txt")


def test_images_of_one_number_are_refused(tmp_path):
    layout = Kitti360Layout(tmp_path)
    folder = layout.image("drive", 7).parent
    folder.mkdir(parents=True)
    for name in ("0000000007.png", "0000000012.png", "._0000000007.png"):
        (folder / name).touch()
    assert layout.recorded("drive") == [7, 12]
    (folder / "front.png").touch()
    with pytest.raises(ValueError, match=r"front\.png is called by no number"):
        layout.recorded("drive")
    (folder / "7.png").touch()
    with pytest.raises(ValueError, match="one frame, two files"):
        layout.recorded("drive")
