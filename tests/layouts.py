"""Datasets on disk for tests: written once, copied to be damaged, converted."""

import hashlib
import pickle
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from unittest.mock import patch

from tools.create_data import main
from vantage3d.converters.index import build
from vantage3d.recordings.preflight import check
from vantage3d.recordings.preflight.footage import Film, Footage
from vantage3d.recordings.preflight.search import Comparison

Writer = Callable[[str], Path]
compared, comparisons = check.compared, dict[str, Comparison]()


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


def compared_once(film: Film, now: check.Meaning) -> Comparison:
    """The preflight's answer, kept by all that it looks at: half a conversion's time.

    A test that changes a pixel or a pose of a recording gets an answer of its own.
    """
    if isinstance(film, Footage):
        film.luma(0), film.luma(1)  # neighbours are read with the first of them
    names = {field.name for field in fields(film)} - {"reader", "poses"}
    seen = [getattr(film, name) for name in sorted(names)]
    poses = [film.reader.pose(at) for at in range(len(film.reader))]
    key = hashlib.sha256(pickle.dumps((type(film), now, seen, poses))).hexdigest()
    if key not in comparisons:
        comparisons[key] = compared(film, now)
    return comparisons[key]


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
        stack.enter_context(patch.object(check, "compared", compared_once))
        if not overview:
            stack.enter_context(patch.object(build, "write_overview"))
        main([dataset, *folders, *map(str, options)])
    return out
