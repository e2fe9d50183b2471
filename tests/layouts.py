"""Datasets on disk for tests: written once, copied to be damaged, converted."""

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import patch

from tools.create_data import main
from vantage3d.converters.index import build

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
    dataset: str,
    root: Path,
    out: Path,
    *options: str | int | float,
    overview: bool = False,
) -> Path:
    """Run tools/create_data.py in this process.

    Args:
        overview: Whether to draw what was read: a third of the time of so few frames.

    Returns:
        ``out``.
    """
    folders = ["--root-path", str(root), "--out-dir", str(out)]
    with ExitStack() as stack:
        if not overview:
            stack.enter_context(patch.object(build, "write_overview"))
        main([dataset, *folders, *map(str, options)])
    return out
