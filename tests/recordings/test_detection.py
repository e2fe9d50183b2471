"""What a folder is recognised as, and what is said where nothing fits."""

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


def test_what_lies_there_is_told(tmp_path):
    (tmp_path / "notes.txt").touch()
    (tmp_path / "photos").mkdir()
    with pytest.raises(ValueError, match=r"which holds notes\.txt, photos/\."):
        open_recording(tmp_path)
    with pytest.raises(FileNotFoundError, match="nothing_here does not exist"):
        open_recording(tmp_path / "nothing_here")
