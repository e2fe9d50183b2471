"""Synthetic rooms in every layout with cameras in files, and the tool for them."""

import pytest

from tests import layouts
from tests.converters.rooms import DRIVE, FRAMES, SEED, SIZE
from vantage3d.synthetic import write_dataset
from vantage3d.synthetic.layouts.drives import DriveOptions, write_virtual_kitti


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Folder of a layout, written once: one room or scene in train, one in val."""

    def write(layout, root):
        if layout == "virtual_kitti":
            write_virtual_kitti(root, 2, DriveOptions(**DRIVE))
        else:
            write_dataset(layout, root, 1, 1, FRAMES, SIZE, SEED)

    return layouts.written_once(write, tmp_path_factory.mktemp("raw"))


@pytest.fixture
def copied(written, tmp_path):
    """A copy of a layout's folder that a test may damage."""
    return layouts.copies_of(written, tmp_path)
