"""What a folder is recognised as, and what is said where nothing fits."""

import shutil

import pytest

from tests.recordings.layouts import test_rgbd, test_tum
from vantage3d.recordings.detection import open_recording


def test_each_layout_is_recognised(tmp_path):
    test_rgbd.write(tmp_path / "own", "1")
    test_tum.write(tmp_path / "tum")
    assert open_recording(tmp_path / "own").layout == "rgbd"
    assert open_recording(tmp_path / "tum").layout == "tum"


@pytest.mark.parametrize("above", ["", "scenes", "a/b/c"])
def test_a_folder_too_high_is_searched(tmp_path, above):
    test_rgbd.write(tmp_path / above / "kitchen", "1")
    recording = open_recording(tmp_path)
    assert recording.layout == "rgbd" and len(recording.sequences()) == 1
    deep = f"Give that folder: {tmp_path / 'a/b/c/kitchen'}"
    told = [text for text in recording.defaults if text.endswith(deep)]
    assert len(told) == (above == "a/b/c")


def test_a_folder_too_low_is_named(tmp_path):
    test_rgbd.write(tmp_path / "own", "1")
    message = r"own is a recording \(RGB-D folder\): give that folder"
    with pytest.raises(ValueError, match=message):
        open_recording(tmp_path / "own" / "depth")


def test_what_the_nearest_layout_lacks_is_named(tmp_path):
    test_tum.write(tmp_path)
    (tmp_path / "groundtruth.txt").unlink()
    message = r"looks like TUM RGB-D \(rgb.txt, depth.txt\): groundtruth.txt is missing"
    with pytest.raises(ValueError, match=message):
        open_recording(tmp_path)


def test_datasets_with_a_command_of_their_own_are_named(tmp_path):
    """Not taken for the images that lie in one of their folders."""
    for name in ("image_00/1.png", "velodyne_points/1.bin", "calibration/a.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    message = "looks like data for `create_data.py kitti360_single`"
    with pytest.raises(ValueError, match=message):
        open_recording(tmp_path)


def test_images_that_may_be_more_are_told(tmp_path):
    test_tum.write(tmp_path)
    for name in ("groundtruth.txt", "depth.txt"):
        (tmp_path / name).unlink()
    shutil.rmtree(tmp_path / "depth")
    recording = open_recording(tmp_path)
    (told,) = recording.defaults
    assert recording.layout == "images"
    assert "though this looks like TUM RGB-D (rgb.txt): groundtruth.txt is" in told


def test_what_lies_there_is_told(tmp_path):
    (tmp_path / "notes.txt").touch()
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match=r"which holds notes\.txt, photos/\."):
        open_recording(tmp_path)


def test_a_path_that_does_not_exist(tmp_path):
    (tmp_path / "kitchen").mkdir()
    with pytest.raises(FileNotFoundError, match=r"Kitchen does not exist: is it "):
        open_recording(tmp_path / "Kitchen")
    message = r"a/b does not exist below .*, which is there\. Give the recording's"
    with pytest.raises(FileNotFoundError, match=message):
        open_recording(tmp_path / "a" / "b")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("groundtruth.txt", r"own is a recording \(TUM RGB-D\): give that folder"),
        ("rgb/100.000000.png", r"own is a recording \(TUM RGB-D\): give that folder"),
    ],
)
def test_a_file_of_a_recording_is_recognised(tmp_path, name, message):
    test_tum.write(tmp_path / "own")
    with pytest.raises(ValueError, match=message):
        open_recording(tmp_path / "own" / name)


def test_files_of_others_are_named(tmp_path):
    (tmp_path / "desk.oni").touch()
    with pytest.raises(ValueError, match=r"desk\.oni, which is a camera"):
        open_recording(tmp_path / "desk.oni")
    (tmp_path / "seq-01.zip").touch()
    with pytest.raises(ValueError, match=r"Unpack seq-01\.zip, if the recording"):
        open_recording(tmp_path)


def test_a_prepared_dataset_is_none(tmp_path):
    (tmp_path / "train.npz").touch()
    with pytest.raises(ValueError, match="is a prepared dataset: training reads it"):
        open_recording(tmp_path)


def test_several_layouts_below_are_refused_by_name(tmp_path):
    test_tum.write(tmp_path / "own" / "desk")
    test_rgbd.write(tmp_path / "own" / "kitchen", "1")
    message = (
        r"above 2 recordings: own/kitchen \(RGB-D folder\), own/desk \(TUM RGB-D\)\. "
        rf"Give one of them: python tools/check_recording.py {tmp_path}/own/kitchen, "
        "or --layout rgbd for all of that layout"
    )
    with pytest.raises(ValueError, match=message):
        open_recording(tmp_path)
    assert open_recording(tmp_path, "tum").sequences() == ["own/desk"]


def test_another_layout_beside_a_recording_is_mentioned(tmp_path):
    test_rgbd.write(tmp_path, "1")
    test_tum.write(tmp_path / "desk")
    (told,) = open_recording(tmp_path).defaults
    assert "is read as RGB-D folder and also holds TUM RGB-D, desk: --layout" in told


def test_a_layout_that_was_asked_for(tmp_path):
    message = "nothing is no RGB-D folder: color, intrinsic.txt are missing"
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ValueError, match=message):
        open_recording(tmp_path / "nothing", "rgbd")
    with pytest.raises(ValueError, match=r"--layout.*'tmu'"):
        open_recording(tmp_path, "tmu")


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        ((), r"empty. Give the folder that holds the recording's files"),
        (
            ("rgb_images", "depths", "camera_poses"),
            r"depths/ to depth/, camera_poses/ to pose/, rgb_images/ to color/ are "
            r"renamed and intrinsic.txt \(3 x 3\) added",
        ),
        (
            ("kitchen/RGB", "kitchen/Depth"),
            "kitchen is an RGB-D folder once .*RGB/ to color/ are renamed and pose/",
        ),
        (("Scene01/clone",), "looks like data for `create_data.py vkitti`"),
    ],
)
def test_folders_of_other_names(tmp_path, folders, message):
    for name in folders:
        (tmp_path / name).mkdir(parents=True)
    with pytest.raises(ValueError, match=message):
        open_recording(tmp_path)
