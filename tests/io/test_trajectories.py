"""Trajectories in TUM's form, against evo and closed forms."""

import numpy as np
import pytest
from evo.tools import file_interface

from tests.shared import need
from vantage3d.io.trajectories import pose_at, read_trajectory


def test_a_real_trajectory_is_what_evo_reads():
    path = need("data/evo_trajectories") / "fr2_desk_groundtruth.txt"
    times, poses = read_trajectory(path)
    expected = file_interface.read_tum_trajectory_file(path)
    # one stands twice, a millimetre and half a degree apart
    _, kept = np.unique(expected.timestamps, return_index=True)
    np.testing.assert_array_equal(times, expected.timestamps[kept])
    np.testing.assert_allclose(poses, np.array(expected.poses_se3)[kept], atol=1e-12)


def test_between_two_poses_rotation_and_place_move_evenly():
    turned = np.eye(4)
    turned[:2, :2] = [[0, -1], [1, 0]]  # 90 degrees about z
    turned[:3, 3] = [4, 0, 2]
    times, poses = np.array([10.0, 10.08]), np.stack([np.eye(4), turned])
    middle = pose_at(times, poses, 10.02)
    angle = np.radians(90 / 4)
    expected = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    np.testing.assert_allclose(middle[:2, :2], expected, atol=1e-12)
    np.testing.assert_allclose(middle[:3, 3], [1, 0, 0.5], atol=1e-12)
    np.testing.assert_array_equal(pose_at(times, poses, 10.08), turned)


@pytest.mark.parametrize("time", [9.9, 10.05, 10.3])
def test_where_tracking_was_lost_there_is_no_pose(time):
    times = np.array([10.0, 10.2])
    assert pose_at(times, np.stack([np.eye(4)] * 2), time) is None


def test_another_order_of_columns_is_noticed(tmp_path):
    path = tmp_path / "groundtruth.txt"
    path.write_text("# t tx ty tz qx qy qz qw\n1.0 0 0 0 1 2 3 4\n")
    with pytest.raises(ValueError, match=r"quaternion of length 5\.48, expected 1"):
        read_trajectory(path)
    path.write_text("1.0 0 0 0 0 0 1\n")
    with pytest.raises(ValueError, match="line 1 has 7 columns, expected 8"):
        read_trajectory(path)


def test_two_poses_of_one_moment_are_refused_and_equal_ones_are_one(tmp_path):
    path = tmp_path / "groundtruth.txt"
    row = "1311868164.36 0 0 {} 0 0 0 1\n"
    path.write_text(2 * (row.format(1) + row.format(1).replace(".36", ".39")))
    assert len(read_trajectory(path)[0]) == 2
    path.write_text(row.format(1) + row.format(2))
    message = r"two poses at 1311868164\.3599999 s, and at 1 times in all"
    with pytest.raises(ValueError, match=message):
        read_trajectory(path)
