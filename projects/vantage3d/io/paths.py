"""Paths that stand in files: they stay inside the folders that were declared.

Info files, frame indexes, annotations, lists and models name other files. What such a
name leads to, links followed, must lie below the folder that it is relative to, or
below one that the user declared.
"""

import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

LONGEST_PATH, LONGEST_PART = 4096, 255  # bytes, of every common file system


def inside(
    folder: str | Path, name: Any, where: str, roots: Iterable[str | Path] = ()
) -> Path:
    """Path of the file that ``name`` means.

    Args:
        folder: Folder that it is relative to.
        name: As a file has it.
        where: Which file names it, for messages.
        roots: Folders in which it must lie; ``folder`` if none is given.

    Returns:
        ``folder / name``; whether there is such a file is for its reader to say.

    Raises:
        ValueError: If it is no path, or leads out of all the roots: by ``..``, as an
            absolute path, or through a link.
    """
    check_path(name, where)
    path = Path(folder, name)
    real = os.path.realpath(path)
    declared = [_resolved(os.path.abspath(root)) for root in roots or (folder,)]
    if not any(os.path.commonpath((real, root)) == root for root in declared):
        raise ValueError(
            f"{where} names {name!r}, which is {real}: outside of "
            f"{' and '.join(declared)}. Correct it or, if you mean that folder, "
            "declare it with --extra-root (in a config: `extra_roots` of the dataset)"
        )
    return path


@lru_cache(maxsize=64)
def _resolved(root: str) -> str:
    """A declared folder without links, looked up once for all that lies in it."""
    return os.path.realpath(root)


def check_path(name: Any, where: str) -> None:
    """Refuse what no file can be called.

    Raises:
        ValueError: If it is no text, empty, too long or has control characters.
    """
    if not isinstance(name, str) or not name:
        raise ValueError(f"{where} has {name!r:.60} in place of the path of a file")
    try:
        data = os.fsencode(name)
    except UnicodeEncodeError:
        data = b"\0"
    if min(data) < ord(" "):
        raise ValueError(f"{where} names {name!r:.80}, which has characters of no path")
    longest = max(map(len, data.split(b"/")))
    if len(data) > LONGEST_PATH or longest > LONGEST_PART:
        raise ValueError(
            f"{where} names a path of {len(data)} bytes, {name!r:.60}..., with a part "
            f"of {longest}: allowed are {LONGEST_PATH} and {LONGEST_PART}"
        )
