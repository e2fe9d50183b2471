"""Names of frames, and folders in which recordings are looked for."""

import pytest

from vantage3d.recordings.files import folders_below, frame_names


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.jpg", "b.PNG"], ["a", "b"]),
        (["left/a.jpg", "left/b.jpg"], ["a", "b"]),
        (["cam0/0.jpg", "cam1/0.jpg"], ["cam0/0", "cam1/0"]),
        (["rig/cam0/0.jpg", "rig/cam1/0.jpg"], ["cam0/0", "cam1/0"]),
        (["./train/r_0.25", "./train/r_0.5"], ["r_0.25", "r_0.5"]),
        ([], []),
    ],
)
def test_names_are_the_paths_that_differ(paths, names):
    assert frame_names(paths) == names


def test_two_frames_of_one_name_are_refused():
    with pytest.raises(ValueError, match=r"c/a\.jpg and c/a\.png would both be called"):
        frame_names(["c/a.jpg", "c/a.png"])


def test_upper_folders_come_first_and_five_deep_are_left(tmp_path):
    (tmp_path / "b/c/d/e/f").mkdir(parents=True)
    (tmp_path / "a10").mkdir()
    (tmp_path / "a9/.hidden").mkdir(parents=True)
    found = [path.relative_to(tmp_path).as_posix() for path in folders_below(tmp_path)]
    assert found == [".", "a9", "a10", "b", "b/c", "b/c/d", "b/c/d/e"]
