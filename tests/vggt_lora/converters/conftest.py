"""Synthetic rooms in every layout with cameras in files, and the tool for them."""

import shutil
from pathlib import Path

import pytest

from projects.common.synthetic import write_dataset
from projects.common.synthetic.kitti360 import DriveOptions
from projects.common.synthetic.virtual_kitti import write_virtual_kitti
from tests.vggt_lora.converters.rooms import DRIVE, FRAMES, SEED, SIZE
from tools.create_data import main


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Folder of a layout, written once: one room or scene in train, one in val."""
    made = {}

    def write(layout: str) -> Path:
        if layout not in made:
            root = tmp_path_factory.mktemp("raw") / layout
            if layout == "virtual_kitti":
                write_virtual_kitti(root, 2, DriveOptions(**DRIVE))
            else:
                write_dataset(layout, root, 1, 1, FRAMES, SIZE, SEED)
            made[layout] = root
        return made[layout]

    return write


@pytest.fixture
def copied(written, tmp_path):
    """A copy of a layout's folder that a test may damage."""

    def copy(layout: str) -> Path:
        return Path(shutil.copytree(written(layout), tmp_path / layout))

    return copy


@pytest.fixture
def create_data():
    """Run tools/create_data.py in this process: dataset, root, out, then options."""

    def run(dataset: str, root: Path, out: Path, *options: str | int | float) -> Path:
        folders = ["--root-path", str(root), "--out-dir", str(out)]
        main([dataset, *folders, *map(str, options)])
        return out

    return run
