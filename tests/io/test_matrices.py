"""Text matrices of cameras, and numbers in the wrong place."""

import numpy as np
import pytest

from vantage3d.io.matrices import (
    check_intrinsics,
    check_rigid,
    read_matrix,
    read_pose,
)


def test_principal_point_as_focal_length_is_noticed():
    """The third row's number read as fy, as a published reader of SUN3D did."""
    K = np.array([[570.342, 0, 320], [0, 240, 240], [0, 0, 1]])
    message = r"have fy=240, which is cy, and 570.342 for the other axis: the principal"
    with pytest.raises(ValueError, match=message):
        check_intrinsics(K, (640, 480), "K.txt")


def test_a_camera_that_sees_90_degrees_is_right():
    K = np.array([[128.0, 0, 128], [0, 128, 128], [0, 0, 1]])
    check_intrinsics(K, (256, 256), "K.txt")


@pytest.mark.parametrize("focal", [0, -500])
def test_singular_intrinsics_are_refused(focal):
    K = np.array([[focal, 0, 320], [0, 570, 240], [0, 0, 1]])
    with pytest.raises(ValueError, match=f"do not belong to .* fx={focal} fy=570"):
        check_intrinsics(K, (640, 480), "K.txt")


def test_lost_and_bent_poses_are_refused():
    pose = np.eye(4)
    pose[1, 3] = np.nan
    with pytest.raises(ValueError, match="pose 7 contains nan: the tracking was lost"):
        check_rigid(pose, "7")
    with pytest.raises(ValueError, match=r"pose 7 is not rigid: .* det R = 8"):
        check_rigid(np.diag([2.0, 2, 2, 1]), "7")


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff500 0 320\r\n0 500 240\r\n0 0 1\r\n\r\n",
        "500,0,320\n0,500,240\n0,0,1",
        "500\t0\t320\n0\t500\t240\n\n0\t0\t1 \n",
        "500; 0; 320; 0; 500; 240; 0; 0; 1",
        "# fx 0 cx\n[[500, 0, 320],\n [0, 500, 240],\n [0, 0, 1]]",
    ],
)
def test_forms_in_which_editors_save_a_matrix(tmp_path, text):
    (tmp_path / "K.txt").write_bytes(text.encode())
    K = [[500, 0, 320], [0, 500, 240], [0, 0, 1]]
    np.testing.assert_array_equal(read_matrix(tmp_path / "K.txt", "intrinsics"), K)


def test_decimal_commas_are_not_guessed(tmp_path):
    (tmp_path / "K.txt").write_text("500,5 0 320\n0 500,5 240\n0 0 1\n")
    message = r"K\.txt line 1: '500,5' in '500,5 0 320' may be one number or several"
    with pytest.raises(ValueError, match=message):
        read_matrix(tmp_path / "K.txt", "intrinsics")


def test_what_is_no_text_is_named(tmp_path):
    (tmp_path / "K.txt").write_bytes(b"\xff\x00\x01")
    with pytest.raises(ValueError, match=r"K\.txt is no text file"):
        read_matrix(tmp_path / "K.txt", "intrinsics")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[500, 0, 0], [0, 500, 0], [320, 240, 1]], r"cy, 0 0 1\. It is transposed"),
        ([[250, 0, 160], [0, 250, 120], [0, 0, 0.5]], r"\[0\.0, 0\.0, 0\.5\]\], expe"),
        ([[500, 0, 320], [12, 500, 240], [0, 0, 1]], r"\[12\.0, 500\.0, 240\.0\]"),
    ],
)
def test_matrices_of_no_camera_are_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        check_intrinsics(np.array(rows, float), (640, 480), "K.txt")


def test_a_pose_may_lack_its_last_row_and_nothing_else(tmp_path):
    pose, path = np.eye(4), tmp_path / "1.txt"
    pose[:3, 3] = 1, 2, 3
    np.savetxt(path, pose[:3])
    np.testing.assert_array_equal(read_pose(path), pose)
    np.savetxt(path, pose[:2])
    with pytest.raises(ValueError, match=r"1\.txt has 8 numbers, expected 16 .*4x4"):
        read_pose(path)
    path.write_text("-1.#IND 0 0 0\n" * 4)
    with pytest.raises(ValueError, match=r"1\.txt contains nan: the tracking was lost"):
        read_pose(path)
    path.write_text("")
    with pytest.raises(ValueError, match=r"1\.txt has 0 numbers, expected 16"):
        read_pose(path)


def test_four_numbers_are_no_intrinsics(tmp_path):
    (tmp_path / "K.txt").write_text("500 500 320 240")
    with pytest.raises(ValueError, match=r"has 4 numbers.*with rows fx 0 cx, 0 fy cy"):
        read_matrix(tmp_path / "K.txt", "intrinsics")
