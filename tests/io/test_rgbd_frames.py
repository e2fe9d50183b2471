"""Text matrices of cameras, and numbers in the wrong place."""

import numpy as np
import pytest

from vantage3d.io.rgbd_frames import check_rigid, read_intrinsics, read_list


def saved(tmp_path, matrix):
    np.savetxt(tmp_path / "intrinsics.txt", matrix)
    return tmp_path / "intrinsics.txt"


def test_principal_point_as_focal_length_is_noticed(tmp_path):
    """The third row's number read as fy, as a published reader of SUN3D did."""
    path = saved(tmp_path, [[570.342, 0, 320], [0, 240, 240], [0, 0, 1]])
    message = r"have fy=240, which is cy, and 570.342 for the other axis: the principal"
    with pytest.raises(ValueError, match=message):
        read_intrinsics(path, (640, 480))


def test_a_camera_that_sees_90_degrees_is_right(tmp_path):
    K = np.array([[128.0, 0, 128], [0, 128, 128], [0, 0, 1]])
    np.testing.assert_array_equal(read_intrinsics(saved(tmp_path, K), (256, 256)), K)


@pytest.mark.parametrize("focal", [0, -500])
def test_singular_intrinsics_are_refused(tmp_path, focal):
    path = saved(tmp_path, [[focal, 0, 320], [0, 570, 240], [0, 0, 1]])
    with pytest.raises(ValueError, match=f"do not belong to .* fx={focal} fy=570"):
        read_intrinsics(path, (640, 480))


def test_lost_and_bent_poses_are_refused():
    pose = np.eye(4)
    pose[1, 3] = np.nan
    with pytest.raises(ValueError, match="pose 7 contains nan: the tracking was lost"):
        check_rigid(pose, "7")
    with pytest.raises(ValueError, match=r"pose 7 is not rigid: .* det R = 8"):
        check_rigid(np.diag([2.0, 2, 2, 1]), "7")


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_a_list_needs_no_last_newline(tmp_path, end):
    (tmp_path / "scenes.txt").write_text("scene0000_00\nscene0001_00" + end)
    assert read_list(tmp_path / "scenes.txt") == ["scene0000_00", "scene0001_00"]
