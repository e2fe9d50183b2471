"""Messages about files that are not there."""

import pytest

from vantage3d.io.depth_files import read_depth_file
from vantage3d.io.files import existing
from vantage3d.io.images import read_color
from vantage3d.io.matrices import read_pose


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ("IMG_0007.JPG", "IMG_0007.jpg"),
        ("img_7.jpg", "IMG_0007.jpg"),
        ("7.png", "0007.jpeg"),
        ("7.TXT", "7.txt"),
    ],
)
def test_a_file_that_is_spelt_otherwise_is_named(tmp_path, there, wanted):
    (tmp_path / there).touch()
    message = rf"calibration .*{wanted} is missing, but {there} lies there: the names"
    with pytest.raises(FileNotFoundError, match=message):
        existing(tmp_path / wanted, "calibration", "Download it")


def test_another_file_is_no_hint(tmp_path):
    for other in ("17.jpg", "7.txt", "7.color.jpg"):
        (tmp_path / other).touch()
    with pytest.raises(FileNotFoundError, match=r"7\.jpg is missing\. Download it"):
        existing(tmp_path / "7.jpg", "calibration", "Download it")
    with pytest.raises(FileNotFoundError, match=r"a/7\.jpg is missing\. Download it"):
        existing(tmp_path / "a/7.jpg", "calibration", "Download it")


@pytest.mark.parametrize(
    ("read", "there", "wanted"),
    [
        (read_color, "1.PNG", "1.png"),
        (read_depth_file, "001.png", "1.png"),
        (read_depth_file, "001.exr", "1.exr"),
        (read_pose, "001.txt", "1.txt"),
    ],
)
def test_readers_say_so(tmp_path, read, there, wanted):
    (tmp_path / there).touch()
    with pytest.raises(FileNotFoundError, match=f"{wanted} is missing, but {there}"):
        read(tmp_path / wanted)
