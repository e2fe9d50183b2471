"""Paths that stand in files: they stay inside the folders that were declared.

Info files, frame indexes, annotations, lists and models name other files. What such a
name leads to, links followed, must lie below the folder that it is relative to, or
below one that the user declared.
"""

import os
from pathlib import Path
from typing import Any

LONGEST_PATH, LONGEST_PART = 4096, 255  # bytes, of every common file system


def inside(root: str | Path, name: Any, where: str, *others: str | Path) -> Path:
    """Path of the file that ``name`` means.

    Args:
        root: Folder that it is relative to.
        name: As a file has it.
        where: Which file names it, for messages.
        others: Further folders in which it may lie.

    Returns:
        ``root / name``; whether there is such a file is for its reader to say.

    Raises:
        ValueError: If it is no path, or leads out of all the folders: by ``..``, as an
            absolute path, or through a link.
    """
    check_path(name, where)
    path = Path(root, name)
    real = os.path.realpath(path)
    roots = [os.path.realpath(folder) for folder in (root, *others)]
    if not any(os.path.commonpath((real, folder)) == folder for folder in roots):
        raise ValueError(
            f"{where} names {name!r}, which is {real} and so outside of "
            f"{' and '.join(roots)}. Correct it or, if you mean that folder, declare "
            "it with --extra-root (in a config: `extra_roots` of the dataset)"
        )
    return path


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
