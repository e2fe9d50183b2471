"""Data that many tests read, and the order of the suite.

What takes long starts first, so no worker waits at the end.

`make test` hands out whole modules in this order (`--dist loadscope`): a module's
fixtures are made once, and what is large, as VGGT of released size, exists once.
"""

from pathlib import Path

import pytest

from tests import layouts
from tests.drives import cache, raw
from tests.rooms import COUNTS, FRAMES, SEED, SIZE
from vantage3d.synthetic import write_dataset

__all__ = ["cache", "raw"]

# Modules of many seconds, the longest first.
LONG = (
    "integration/test_main_job.py",
    "test_notebooks.py",
    "vggt_lora/models/test_released_size.py",
    "integration/test_survival.py",
    "vggt_lora/models/test_training.py",
    "vggt_lora/test_configs.py",
    "integration/test_deaths.py",
    "esam/converters/test_convert.py",
    "engine/test_launch.py",
    "vggt_lora/test_demo.py",
    "vggt_lora/evaluation/runs/test_evaluate.py",
    "esam/models/test_mixformer3d.py",
    "planning/test_plan.py",
    "evaluation/report/test_figures.py",
    "emulated_gpu/test_esam.py",
    "deltas/test_overfit.py",
    "converters/index/test_build.py",
    "esam/fusion_check/test_check.py",
    "reference/test_run_golden.py",
    "synthetic/layouts/test_dataset.py",
    "emulated_gpu/test_gpu_check.py",
    "converters/kitti360/test_convert.py",
    "vggt_lora/evaluation/runs/test_errors.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long modules first, then those with a slow test, then the others as they are."""
    root = Path(__file__).parent
    place = {root / name: number for number, name in enumerate(LONG)}
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda i: place.get(i.path, len(LONG) + (i.path not in slow)))


@pytest.fixture(scope="session")
def filmed(tmp_path_factory):
    """Folder of a layout, written once; see ``rooms`` for what is in it."""

    def write(layout, root):
        write_dataset(layout, root, *COUNTS[layout], FRAMES[layout], SIZE, SEED)

    return layouts.written_once(write, tmp_path_factory.mktemp("film"))


@pytest.fixture
def copied_film(filmed, tmp_path):
    """A copy of a recording's folder that a test may damage."""
    return layouts.copies_of(filmed, tmp_path)


@pytest.fixture
def create_data():
    """Run tools/create_data.py in this process: dataset, root, out, then options."""
    return layouts.create_data


@pytest.fixture(scope="session")
def scannet(filmed, tmp_path_factory):
    """The index of the ScanNet rooms."""
    out = tmp_path_factory.mktemp("index")
    return layouts.create_data("scannet", filmed("scannet"), out)
