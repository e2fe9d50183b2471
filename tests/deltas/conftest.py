"""Synthetic rooms in the layouts that DELTAS reads, and the tool for them."""

import shutil
from pathlib import Path

import pytest

from projects.common.synthetic import write_dataset
from tests.deltas.rooms import COUNTS, FRAMES, SEED, SIZE
from tools.create_data import main


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """Folder of a layout, written once; see ``rooms`` for what is in it."""
    made = {}

    def write(layout: str) -> Path:
        if layout not in made:
            root = tmp_path_factory.mktemp("raw") / layout
            write_dataset(layout, root, *COUNTS[layout], FRAMES[layout], SIZE, SEED)
            made[layout] = root
        return made[layout]

    return write


@pytest.fixture
def copied(written, tmp_path):
    """A copy of a layout's folder that a test may damage."""

    def copy(layout: str) -> Path:
        return Path(shutil.copytree(written(layout), tmp_path / layout))

    return copy


def run(dataset: str, root: Path, out: Path, *options: str | int | float) -> Path:
    """tools/create_data.py in this process."""
    folders = ["--root-path", str(root), "--out-dir", str(out)]
    main([dataset, *folders, *map(str, options)])
    return out


@pytest.fixture
def create_data():
    return run


@pytest.fixture(scope="session")
def scannet(written, tmp_path_factory):
    """The index of the ScanNet rooms."""
    out = tmp_path_factory.mktemp("index")
    return run("scannet_frames", written("scannet"), out)
