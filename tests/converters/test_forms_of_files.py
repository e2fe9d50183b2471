"""Files as editors, archives and other systems leave them change nothing."""

import numpy as np
import pytest

from tests.drives import DRIVES
from vantage3d.converters.kitti360 import raw
from vantage3d.synthetic.layouts.drives import write_kitti360
from vantage3d.views.index import ARRAYS, FrameIndex

COMMANDS = {
    "virtual_kitti": ("train", "vkitti", "--min-frames", 2, "--val-scenes", "Scene02"),
    "scannet": ("train", "scannet"),
    "rgbd_folder": ("train", "recording", "--val-scenes", "scene0001_00"),
    "eth3d": ("train", "eth3d", "--points-only"),
    "sun3d": ("test", "sun3d"),
}


def disturb(root):
    """Every text gets a mark, Windows' line ends, tabs and blank lines at its end.

    A companion as macOS writes it lies beside every file, Thumbs.db in every folder.
    """
    for path in [p for p in root.rglob("*") if p.is_file()]:
        (path.parent / f"._{path.name}").write_bytes(b"\x00\x05\x16\x07" + 100 * b"\0")
        (path.parent / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
        if path.suffix == ".txt":
            text = path.read_text().replace(" ", "\t").replace("\n", "\r\n")
            path.write_bytes(f"\ufeff{text}\r\n \t\r\n".encode())


@pytest.mark.parametrize("layout", COMMANDS)
def test_an_index_is_the_same(layout, request, create_data, tmp_path):
    split, command, *options = COMMANDS[layout]
    film = layout == "sun3d"  # whose views must be near each other
    written = request.getfixturevalue("filmed" if film else "written")
    plain = create_data(command, written(layout), tmp_path / "plain", *options)
    root = request.getfixturevalue("copied_film" if film else "copied")(layout)
    disturb(root)
    out = create_data(command, root, tmp_path / "other", *options)
    indexes = [FrameIndex.load(folder / f"{split}.npz") for folder in (plain, out)]
    for name in ARRAYS:
        np.testing.assert_array_equal(*(getattr(index, name) for index in indexes))


def test_calibration_and_poses_of_kitti360_are_the_same(tmp_path):
    write_kitti360(tmp_path, 1, 1, DRIVES)
    layout = raw.Kitti360Layout(tmp_path)

    def found():
        (sequence, frames), *_ = layout.listed("train").items()
        calibration = raw.read_calibration(tmp_path / "calibration")
        poses = raw.read_poses(layout.poses(sequence))
        numbers = layout.recorded(sequence)
        return sequence, frames, numbers, list(poses), calibration.velo2cam(0)

    before = found()
    disturb(tmp_path)
    after = found()
    assert before[:-1] == after[:-1]
    np.testing.assert_array_equal(before[-1], after[-1])
