import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vantage3d.io.depth_files import KITTI_SCALE
from vantage3d.io.images import read_color, read_depth, read_ids
from vantage3d.synthetic.layouts.drives import (
    DriveOptions,
    drive_name,
    write_kitti360,
)
from vantage3d.synthetic.streets import film, make_street
from vantage3d.synthetic.streets.drive import FRAME_S, SPEED, Drive, make_rig

ROOT = Path(__file__).resolve().parents[3]
SMALL = DriveOptions(frames=3, size=(88, 24), columns=60, cameras=(0, 1))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kitti360")
    write_kitti360(folder, 1, 1, SMALL)
    return folder


def files(folder):
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file()
    }


def test_images_are_the_drive(root):
    """Depth, labels and instances are those of an independent rendering."""
    street = make_street("suburb", 1, 3 * FRAME_S * SPEED, 3 * FRAME_S)
    drive, rig = Drive(1.55, SPEED, 1.0), make_rig()
    name, file = drive_name(1), f"{2:010d}.png"
    for camera in (0, 1):
        pose = drive.imu2street(2 * FRAME_S) @ rig.cam2imu(camera)
        view = film(street, rig.intrinsics((88, 24)), pose, (88, 24), 2 * FRAME_S)
        at = f"{name}/image_{camera:02d}"
        depth = read_depth(root / "data_2d_depth" / at / file, KITTI_SCALE)
        assert np.abs(depth - view.depth).max() <= 0.5 / KITTI_SCALE + 1e-5
        labels = root / "data_2d_semantics/train" / at
        assert (read_ids(labels / "semantic" / file) == view.semantic).all()
        assert (read_ids(labels / "instance" / file) == view.instance).all()
        color = read_color(root / "data_2d_raw" / at / "data_rect" / file).astype(int)
        assert np.abs(color - view.color).mean() < 25  # exposure and noise


def test_right_camera_stands_a_baseline_to_the_right():
    rig = make_rig()
    right = np.linalg.inv(rig.cam2imu(0)) @ rig.cam2imu(1)
    np.testing.assert_allclose(right[:3, :3], np.eye(3), atol=1e-12)
    np.testing.assert_allclose(right[:3, 3], [0.59, 0, 0], atol=1e-12)


def test_pose_files_agree_by_the_chain_of_the_format(root):
    """poses x cam_to_pose x inverse(R_rect), read without the project's parser."""
    lines = {}
    for name in ("perspective.txt", "calib_cam_to_pose.txt"):
        for line in (root / "calibration" / name).read_text().splitlines():
            key, _, rest = line.partition(": ")
            lines[key] = rest.split()
    R = np.eye(4)
    R[:3, :3] = np.array(lines["R_rect_00"], float).reshape(3, 3)
    cam_to_pose = np.eye(4)
    cam_to_pose[:3] = np.array(lines["image_00"], float).reshape(3, 4)
    folder = root / "data_poses" / drive_name(0)
    imu, cam = (
        np.loadtxt(folder / "poses.txt"),
        np.loadtxt(folder / "cam0_to_world.txt"),
    )
    assert imu.shape == (3, 13) and cam.shape == (3, 17)
    for first, second in zip(imu, cam):
        pose = np.eye(4)
        pose[:3] = first[1:].reshape(3, 4)
        chain = pose @ cam_to_pose @ np.linalg.inv(R)
        np.testing.assert_allclose(chain, second[1:].reshape(4, 4), atol=1e-6)
        assert np.linalg.norm(pose[:2, 3]) > 1000
        np.testing.assert_allclose(pose[:3, 2][2], -1, atol=0.05)  # IMU z points down
    assert np.abs(cam_to_pose[:3, :3] @ R[:3, :3].T - cam_to_pose[:3, :3]).max() > 1e-3


@pytest.mark.bitwise
def test_same_bytes_for_any_worker_count_and_after_a_kill(root, tmp_path):
    expected = files(root)
    write_kitti360(tmp_path / "two", 1, 1, SMALL, workers=2)
    assert files(tmp_path / "two") == expected
    (tmp_path / "two/data_poses" / drive_name(1) / "poses.txt").unlink()
    (tmp_path / "two/data_2d_raw" / drive_name(1) / "image_00/data_rect").joinpath(
        f"{1:010d}.png"
    ).unlink()
    write_kitti360(tmp_path / "two", 1, 1, SMALL)
    assert files(tmp_path / "two") == expected


def test_lists_name_files_that_exist(root):
    for split, name in (("train", drive_name(0)), ("val", drive_name(1))):
        path = f"data_2d_semantics/train/2013_05_28_drive_{split}_frames.txt"
        lines = (root / path).read_text().splitlines()
        assert len(lines) == 6
        for line in lines:
            image, label = line.split()
            assert name in image and (root / image).is_file()
            assert (root / label).is_file()


def test_other_arguments_are_refused(root):
    with pytest.raises(FileExistsError, match="was made with other arguments"):
        write_kitti360(root, 2, 1, SMALL)
    with pytest.raises(ValueError, match=r"`train_drives \+ val_drives`.*got 0"):
        write_kitti360(root, 0, 0, SMALL)
    with pytest.raises(ValueError, match=r"`style` must be one of.*got 'moon'"):
        DriveOptions(style="moon")


def test_command_line(tmp_path):
    command = [
        sys.executable, str(ROOT / "tools/make_synthetic.py"), "kitti360",
        "--out", str(tmp_path / "out"), "--train-drives", "1", "--val-drives", "0",
        "--frames", "1", "--size", "44x12", "--columns", "20", "--style", "brick",
        "--no-ego-motion",
    ]  # fmt: skip
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "projects")},
    )
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "out/synthetic.json").read_text())
    assert made["style"] == "brick" and made["ego_motion"] is False
