"""Order of the suite: what takes long starts first, so no worker waits at the end.

`make test` hands out whole modules in this order (`--dist loadscope`): a module's
fixtures are made once, and what is large, as VGGT of released size, exists once.
"""

from pathlib import Path

import pytest

# Modules of many seconds, the longest first.
LONG = (
    "integration/test_main_job.py",
    "integration/test_survival.py",
    "vggt_lora/evaluation/runs/test_evaluate.py",
    "vggt_lora/models/test_released_size.py",
    "esam/models/test_mixformer3d.py",
    "deltas/test_overfit.py",
    "vggt_lora/test_demo.py",
    "vggt_lora/models/test_training.py",
    "converters/index/test_build.py",
    "engine/test_launch.py",
    "esam/converters/test_convert.py",
    "converters/kitti360/test_convert.py",
    "deltas/test_training.py",
    "esam/fusion_check/test_check.py",
    "converters/test_layouts.py",
    "esam/models/fusion/test_injection.py",
    "synthetic/streets/test_kitti360_writer.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long modules first, then those with a slow test, then the others as they are."""
    root = Path(__file__).parent
    place = {root / name: number for number, name in enumerate(LONG)}
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda i: place.get(i.path, len(LONG) + (i.path not in slow)))
