"""Text matrices of cameras, and numbers in the wrong place."""

import numpy as np
import pytest

from vantage3d.io.rgbd_frames import (
    check_rigid,
    color_path,
    depth_path,
    list_frames,
    read_intrinsics,
    read_list,
)


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


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    return folder


def test_frames_are_listed_in_numeric_order_without_hidden_files(tmp_path):
    files = ("color/10.jpg", "color/9.JPG", "depth/10.png", "color/._10.jpg")
    folder = touch(tmp_path, *files, "depth/.DS_Store", "color/notes.txt")
    assert list_frames(folder) == ["9", "10"]
    assert color_path(folder, "9").name == "9.JPG"


def test_a_depth_image_may_have_a_suffix_in_capitals(tmp_path):
    touch(tmp_path, "depth/3.PNG")
    assert depth_path(tmp_path, "3").name == "3.PNG"
    assert depth_path(tmp_path, "4").name == "4.png"


def test_other_names_of_colour_and_depth_are_named(tmp_path):
    folder = touch(tmp_path, "color/000010.jpg", "depth/10.png")
    message = r"names of the images differ, such as color/000010 and depth/10"
    with pytest.raises(ValueError, match=message):
        list_frames(folder)
