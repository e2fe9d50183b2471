"""What people put into folders: files in natural order, without what systems leave."""

import os
import re
from collections.abc import Collection
from pathlib import Path


def is_foreign(path: Path) -> bool:
    """Whether a system left the file there: macOS's ``._x``, Thumbs.db, dotfiles."""
    return path.name.startswith(".") or path.name.lower() in (
        "thumbs.db",
        "desktop.ini",
        "__macosx",
    )


def listing(folder: Path) -> list[Path]:
    """Files and folders in natural order; none where there is no such folder."""
    if not folder.is_dir():
        return []
    return sorted(
        (path for path in folder.iterdir() if not is_foreign(path)),
        key=lambda path: natural_order(path.name),
    )


def folders_in(folder: Path) -> list[Path]:
    """Folders in a folder; quick among a hundred thousand files."""
    if not folder.is_dir():
        return []
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.is_dir()]
    return [p for name in names if not is_foreign(p := folder / name)]


def matching(root: Path, pattern: str) -> list[Path]:
    """Paths below ``root`` that match a pattern of ``Path.glob``, in natural order.

    Foreign files, and what lies in foreign folders, are left out.
    """
    found = root.glob(pattern)
    own = (p for p in found if not any(map(is_foreign, _parts(root, p))))
    return sorted(own, key=lambda path: natural_order(path.as_posix()))


def keep_only(folder: Path, names: Collection[str], suffix: str) -> None:
    """Delete what an earlier call left: files of a kind that are not among ``names``.

    Args:
        folder: Where they lie.
        names: Of files that stay; hashes beside them stay too.
        suffix: Of files that may be deleted.
    """
    for path in folder.glob(f"*{suffix}*"):
        own = path.name.removesuffix(".sha256")
        if own.endswith(suffix) and own not in names:
            path.unlink()


def _parts(root: Path, path: Path) -> list[Path]:
    return [Path(part) for part in path.relative_to(root).parts]


def natural_order(name: str) -> list[tuple[int, str]]:
    """Sorting key that takes digits for numbers: 9 before 10."""
    parts = re.split(r"(\d+)", name)
    order = [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
    return [*order, (-2, name)]  # 2 and 002 have an order too
