"""Which images are found, and which process gets them."""

import pytest

from tests.recordings.layouts import test_replica, test_sens
from vantage3d.backbones2d.files import find_images
from vantage3d.io.images import read_color


def touch(root, *paths):
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    return root


def found(root, **options) -> list[str]:
    return [image.idx for image in find_images(root, **options)]


def test_a_scannet_export_is_taken_by_frame_number(tmp_path):
    names = [f"2D/s_01/color/{n}.jpg" for n in (0, 20, 40, 80, 180, 200, 400)]
    touch(tmp_path, "2D/s_00/color/600.jpg", "2D/s_00/depth/0.png", *names)
    assert found(tmp_path) == ["s_00_600", "s_01_0", "s_01_200", "s_01_400"]
    assert found(tmp_path, frame_interval=40, scenes=["s_01"]) == [
        f"s_01_{n}" for n in (0, 40, 80, 200, 400)
    ]


def test_an_rgbd_folder_is_taken_by_place(tmp_path):
    touch(tmp_path, *(f"b/color/{n}.png" for n in (3, 10, 2, 7)), "a/color/x.JPG")
    assert found(tmp_path) == ["a_x", "b_2", "b_3", "b_7", "b_10"]
    assert found(tmp_path, frame_interval=2) == ["a_x", "b_2", "b_7"]


def test_a_single_scene_is_named_after_its_folder(tmp_path):
    assert found(touch(tmp_path / "desk", "color/0.png")) == ["desk_0"]


@pytest.mark.parametrize("other", ["0.png", "000.jpg"])
def test_two_images_of_one_frame_are_refused(tmp_path, other):
    touch(tmp_path, f"a/color/{other}", "a/color/0.jpg", "a/color/notes.txt")
    with pytest.raises(ValueError, match=r"a/color has .*0\.(png|jpg): one frame, two"):
        find_images(tmp_path)


def test_ids_of_two_images_differ_or_both_are_named(tmp_path):
    touch(tmp_path, "desk/cam0/color/10.jpg", "desk_cam0/color/10.jpg")
    assert found(tmp_path) == ["desk.2fcam0_10", "desk_cam0_10"]
    touch(tmp_path, "desk/color/cam0_10.jpg")
    message = r"desk/color/cam0_10.jpg and .*desk_cam0/color/10.jpg .* 'desk_cam0_10'"
    with pytest.raises(ValueError, match=message):
        find_images(tmp_path)


def test_a_recording_of_another_layout_is_taken_by_its_frames(tmp_path):
    """Names are those of samples made of it, whatever files are called."""
    test_replica.write(tmp_path / "rooms" / "room0", 0, 1, 2)
    (tmp_path / "rooms" / "room0" / "results" / "depth000001.png").unlink()
    assert found(tmp_path / "rooms") == ["room0_000000", "room0_000002"]
    sens = test_sens.write(tmp_path / "scene0000_00.sens", 3)
    images = find_images(sens, 2)
    assert [image.idx for image in images] == ["scene0000_00_0", "scene0000_00_2"]
    assert read_color(images[1].path).shape == (72, 96, 3)
    with pytest.raises(FileNotFoundError, match=r"has no room1 \(1 of 1 .*has room0"):
        find_images(tmp_path / "rooms", scenes=["room1"])


def test_refuses_a_missing_root(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"--root-path .*gone is missing"):
        find_images(tmp_path / "gone")


def test_refuses_a_scene_that_is_not_there(tmp_path):
    touch(tmp_path, "a/color/0.png")
    with pytest.raises(FileNotFoundError, match=r"no b/color \(1 of 2 .*It has a"):
        find_images(tmp_path, scenes=["a", "b"])


def test_refuses_a_folder_without_images(tmp_path):
    touch(tmp_path, "2D/a/color/30.jpg")
    with pytest.raises(ValueError, match=r"0 images in 1 scenes .*interval 200"):
        find_images(tmp_path, 200)


def test_refuses_an_interval_of_zero(tmp_path):
    with pytest.raises(ValueError, match="--frame-interval must be at least 1, got 0"):
        find_images(tmp_path, 0)
