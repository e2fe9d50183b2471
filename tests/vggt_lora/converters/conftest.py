"""Synthetic rooms in every layout with cameras in files, and the tool for them."""

from types import SimpleNamespace

import numpy as np
import pytest

from projects.common.io import depth_files
from projects.common.synthetic import write_dataset
from projects.common.synthetic.kitti360 import DriveOptions
from projects.common.synthetic.virtual_kitti import write_virtual_kitti
from tests import layouts
from tests.vggt_lora.converters.rooms import DRIVE, FRAMES, SEED, SIZE


class NpzStore:
    """What this project uses of ``h5py.File``, for machines without h5py."""

    def __init__(self, file, mode):
        self.file, self.mode = file, mode

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def create_dataset(self, name, data, compression):
        np.savez(self.file, **{name: data})

    def __getitem__(self, name):
        try:
            return np.load(self.file)[name]
        except ValueError as error:
            raise OSError("truncated file") from error


def _hdf5():
    """h5py, or a stand-in: what is tested is our side of it."""
    try:
        import h5py
    except ImportError:
        return SimpleNamespace(File=NpzStore)
    return h5py


@pytest.fixture
def hdf5(monkeypatch):
    """Hypersim's files, whether or not h5py is installed."""
    monkeypatch.setattr(depth_files, "_h5py", _hdf5)


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


@pytest.fixture
def create_data():
    """Run tools/create_data.py in this process: dataset, root, out, then options."""
    return layouts.create_data
