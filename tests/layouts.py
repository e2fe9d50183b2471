"""Datasets on disk for tests: written once, copied to be damaged, converted."""

import shutil
from collections.abc import Callable
from pathlib import Path

from tools.create_data import main

Writer = Callable[[str], Path]


def written_once(write: Callable[[str, Path], object], folder: Path) -> Writer:
    """A function from a layout's name to its folder, which calls ``write`` once."""

    def written(layout: str) -> Path:
        root = folder / layout
        if not root.exists():
            write(layout, root)
        return root

    return written


def copies_of(written: Writer, folder: Path) -> Writer:
    """A function from a layout's name to a copy that a test may damage."""

    def copy(layout: str) -> Path:
        return Path(shutil.copytree(written(layout), folder / layout))

    return copy


def create_data(
    dataset: str, root: Path, out: Path, *options: str | int | float
) -> Path:
    """Run tools/create_data.py in this process.

    Returns:
        ``out``.
    """
    folders = ["--root-path", str(root), "--out-dir", str(out)]
    main([dataset, *folders, *map(str, options)])
    return out
