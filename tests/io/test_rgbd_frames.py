"""Text matrices of cameras, and numbers in the wrong place."""

import numpy as np
import pytest

from tests.shared import need
from vantage3d.geometry import invert_rigid, project, unproject
from vantage3d.io.rgbd_frames import (
    DEFAULT_K,
    check_rigid,
    color_path,
    depth_path,
    intrinsics_path,
    list_frames,
    read_intrinsics,
    read_list,
    read_scannet_frame,
    scannet_intrinsics,
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


def test_real_frames_see_the_same_surfaces():
    """Depth of frame 0 moved into frame 2 lands within 5 cm of its surface."""
    scans = need("data/deltas_scannet_sample/scannet_sample/scans_test")
    folder = scans / "scene0707_00"
    first, second = (read_scannet_frame(folder, n) for n in ("0", "2"))
    assert first.color.shape == (480, 640, 3) and first.depth.shape == (480, 640)
    points = unproject(first.depth.astype(np.float64), first.K, first.cam2world)
    points = points[first.depth > 0]
    pixels, depth = project(points, second.K, invert_rigid(second.cam2world))
    x, y = np.round(pixels).astype(int).T
    inside = (depth > 0) & (x >= 0) & (y >= 0) & (x < 640) & (y < 480)
    surface = second.depth[y[inside], x[inside]]
    off = np.abs(surface - depth[inside])[surface > 0]
    assert inside.mean() > 0.9
    assert np.median(off) < 0.01 and (off < 0.05).mean() > 0.95


def test_intrinsics_without_files(tmp_path):
    K, of_color = scannet_intrinsics(tmp_path, (1296, 968), (320, 240))
    assert of_color is None
    np.testing.assert_allclose(K[0], [DEFAULT_K[0, 0] / 2, 0, 159.5])
    with pytest.raises(ValueError, match="the depth image is 320x320; the default is"):
        scannet_intrinsics(tmp_path, (320, 320), (320, 320))


def test_intrinsics_beside_the_images_are_found(tmp_path):
    """The layout of scannet_frames_25k; the folder of the full export goes first."""
    assert intrinsics_path(tmp_path, "depth") is None
    beside = tmp_path / "intrinsics_depth.txt"
    np.savetxt(beside, [[700.0, 0, 320], [0, 700, 240], [0, 0, 1]])
    K, K_color = scannet_intrinsics(tmp_path, (640, 480), (640, 480))
    assert K[0, 0] == 700 and K_color is None
    whole = tmp_path / "intrinsic" / "intrinsic_depth.txt"
    whole.parent.mkdir()
    whole.touch()
    assert intrinsics_path(tmp_path, "depth") == whole
