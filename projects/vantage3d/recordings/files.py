"""Files of a recording: what lies in a folder, by name and in order."""

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from vantage3d.io.files import unpadded
from vantage3d.io.folders import folders_in, listing, natural_order
from vantage3d.io.names import check_unique

COLOR = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp")
DEPTH = (".png", ".tif", ".tiff", ".exr", ".npy", ".pfm", ".pgm", ".h5", ".hdf5")
LOOKED = 200  # folders looked into to recognise a layout
DEEPEST = 4  # folders below the root in which sequences are looked for


def named(folder: Path, suffixes: Iterable[str]) -> dict[str, Path]:
    """Files of some kinds by their name without suffix, in natural order.

    Raises:
        ValueError: If two have one name, or one number: ``a.JPG`` and ``a.png``,
            ``10.png`` and ``00010.png``.
    """
    kinds, found = tuple(suffixes), {}
    seen: dict[str | int, Path] = {}
    for path in listing(folder):
        if path.suffix.lower() not in kinds or not path.is_file():
            continue
        key = int(path.stem) if path.stem.isdecimal() else path.stem
        if key in seen:
            raise ValueError(two_files(folder, seen[key], path))
        seen[key] = found[path.stem] = path
    return found


def by_kind(
    folder: Path, stem: re.Pattern[str], suffixes: Mapping[str, Iterable[str]]
) -> dict[str, dict[str, Path]]:
    """Files of one folder that holds several kinds, by kind and name of the frame.

    Args:
        folder: The folder.
        stem: What names without suffix are, with groups ``kind`` and ``frame``; the
            latter ends in the number of the frame.
        suffixes: Of every kind.

    Returns:
        Files in natural order.

    Raises:
        ValueError: If a frame has two files of a kind.
    """
    found: dict[str, dict[str, Path]] = {kind: {} for kind in suffixes}
    seen: dict[tuple[str, int], Path] = {}
    for path in listing(folder):
        match = stem.fullmatch(path.stem)
        kind = match["kind"].lower() if match else ""
        if not match or path.suffix.lower() not in suffixes[kind]:
            continue
        key = kind, last_number(match["frame"])
        if key in seen:
            raise ValueError(two_files(folder, seen[key], path))
        seen[key] = found[kind][match["frame"]] = path
    return found


def last_number(name: str) -> int:
    """The number that a name ends in: 12 of ``frame-000012``."""
    return int(re.split(r"\D", name)[-1])


def two_files(folder: Path, first: Path, second: Path) -> str:
    """What is wrong where a frame has two files of a kind."""
    return (
        f"{folder} has {first.name} and {second.name}: one frame, two files. Remove "
        "one of them"
    )


def folders_where(root: Path, holds: Callable[[Path], bool]) -> dict[str, Path]:
    """Folders of which ``holds`` is true, by their path below ``root``.

    ``root`` itself comes first, with its own name; then what is below it, at most
    four folders deep. Such a folder is not searched further.
    """
    if holds(root):
        return {root.resolve().name: root}
    found: dict[str, Path] = {}
    level = [root]
    for _ in range(DEEPEST):
        level = [below for folder in level for below in folders_in(folder)]
        hits = {path: holds(path) for path in level}
        found |= {p.relative_to(root).as_posix(): p for p, hit in hits.items() if hit}
        level = [path for path, hit in hits.items() if not hit]
    return dict(sorted(found.items(), key=lambda item: natural_order(item[0])))


def folders_with(root: Path, *parts: str) -> dict[str, Path]:
    """As :func:`folders_where` for folders that have all of ``parts``."""
    return folders_where(root, lambda f: all((f / part).exists() for part in parts))


def folders_below(root: Path) -> Iterator[Path]:
    """``root`` and the folders below it, at most four deep, the upper ones first.

    Nothing else is looked at, so that a root with millions of files is quick; whoever
    only wants to know what there is takes the first :data:`LOOKED`.
    """
    waiting = deque([(root, 0)] if root.is_dir() else [])
    while waiting:
        folder, deep = waiting.popleft()
        yield folder
        if deep < DEEPEST:
            below = sorted(folders_in(folder), key=lambda p: natural_order(p.name))
            waiting.extend((path, deep + 1) for path in below)


def frame_names(paths: Sequence[str]) -> list[str]:
    """Names of frames by the paths of their images: ``cam0/0000`` of a rig.

    Args:
        paths: Of the images, relative to one folder. A folder that all of them share is
            left out, and so is the suffix of an image.

    Raises:
        ValueError: If two frames have one name: ``a.JPG`` and ``a.png``.
    """
    whole = [PurePosixPath(path) for path in paths]
    stems = [p.with_suffix("") if p.suffix.lower() in COLOR else p for p in whole]
    shared = os.path.commonpath([stem.parent for stem in stems]) if stems else ""
    names = [stem.relative_to(shared).as_posix() for stem in stems]
    check_unique(zip(names, paths))
    return names


def mismatch(place: Path, name: str, others: Mapping[str, Path]) -> str:
    """Why a frame has no file of a kind, in words of its owner.

    Args:
        place: Where files of that kind are; a folder, or a pattern.
        name: Name of the frame.
        others: Those files by the name of their frame.
    """
    text = f"{place} has no file for frame {name!r}"
    if not others:
        return f"{text}: it is empty"
    key = unpadded(name)
    alike = [other for other in others if unpadded(other) == key]
    if alike:
        return (
            f"{text}, but {others[alike[0]].name}: the names differ in letter case or "
            "leading zeros. Give the files of a frame one name"
        )
    digits = re.sub(r"\D", "", name)
    alike = [
        o for o in others if re.sub(r"\D", "", o).lstrip("0") == digits.lstrip("0")
    ]
    if digits and alike:
        return (
            f"{text}, but {others[alike[0]].name}: the names of one frame must be "
            "equal in all folders. Rename the files"
        )
    return (
        f"{text}, but {len(others)} other{'s' * (len(others) > 1)}, called like "
        f"{next(iter(others.values())).name}. Export it again, or leave the frame out"
    )
