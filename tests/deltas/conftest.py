"""Synthetic rooms in the layouts that DELTAS reads, and the tool for them."""

import pytest

from tests import layouts
from tests.deltas.rooms import COUNTS, FRAMES, SEED, SIZE
from vantage3d.synthetic import write_dataset


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Folder of a layout, written once; see ``rooms`` for what is in it."""

    def write(layout, root):
        write_dataset(layout, root, *COUNTS[layout], FRAMES[layout], SIZE, SEED)

    return layouts.written_once(write, tmp_path_factory.mktemp("raw"))


@pytest.fixture
def copied(written, tmp_path):
    """A copy of a layout's folder that a test may damage."""
    return layouts.copies_of(written, tmp_path)


@pytest.fixture
def create_data():
    """Run tools/create_data.py in this process: dataset, root, out, then options."""
    return layouts.create_data


@pytest.fixture(scope="session")
def scannet(written, tmp_path_factory):
    """The index of the ScanNet rooms."""
    out = tmp_path_factory.mktemp("index")
    return layouts.create_data("scannet", written("scannet"), out)
