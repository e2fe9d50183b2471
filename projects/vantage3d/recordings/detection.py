"""Which layout a folder has, by the names of what lies in it."""

import os
import shlex
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path, PurePosixPath

from mmengine.logging import print_log

from vantage3d.checks import check_choice
from vantage3d.io.folders import listing
from vantage3d.recordings.files import LOOKED, folders_below
from vantage3d.recordings.layouts import LAYOUTS, whole_layouts
from vantage3d.recordings.options import Remedies
from vantage3d.recordings.recording import Recording
from vantage3d.recordings.stray import mention_archives
from vantage3d.recordings.unrecognised import (
    MARKS,
    alike,
    lack,
    nearest,
    part_of,
    unknown,
)

Kind = type[Recording]
NAMED = 8  # recordings that a message names
DEEP = 2  # folders between a root and its sequences that are told


def open_recording(
    root: str | Path, layout: str | None = None, remedies: Remedies | None = None
) -> Recording:
    """The recording in a folder, in the layout that it has.

    Args:
        root: A folder or a file. The one recording in a folder of it is opened.
        layout: A name in :data:`LAYOUTS` instead of looking.
        remedies: What the owner says about the files.

    Raises:
        FileNotFoundError: If there is nothing at ``root``.
        ValueError: If no layout fits, or not the one that was asked for; the message
            names the nearest ones and what they lack.
    """
    root = Path(root)
    if not root.exists():
        raise FileNotFoundError(f"{root} does not exist{alike(root)}")
    if layout is None:
        root, kind = _recognised(root)
    else:
        check_choice("--layout", layout, LAYOUTS)
        kind = LAYOUTS[layout]
        if (look := kind.look(root)).lacking:
            raise ValueError(f"{root} is no {kind.title}: {lack(look)}")
    recording = kind(root, remedies or Remedies())
    mention_archives(recording)
    _mention_depth(recording)
    if layout is None:
        _mention_others(recording)
        if not recording.posed and (near := nearest(root)):
            recording.assumed(f"{root} is read as {recording.title}, though {near}")
    return recording


def _mention_others(recording: Recording) -> None:
    """Say which sequences of another layout lie beside those that are read."""
    own = {PurePosixPath(name).name for name in recording.sequences()}
    for kind in whole_layouts(recording.root)[1:]:
        names = kind(recording.root).sequences()
        if rest := [name for name in names if PurePosixPath(name).name not in own]:
            recording.assumed(
                f"{recording.root} is read as {recording.title} and also holds "
                f"{kind.title}, {', '.join(rest[:3])}: --layout {kind.layout} reads it"
            )


def _mention_depth(recording: Recording) -> None:
    """Say where sequences are read from that lie deep below the root."""
    names = recording.sequences()
    parents = {PurePosixPath(name).parent.as_posix() for name in names}
    shared = os.path.commonpath(parents) if parents else "."
    folder = recording.root / (names[0] if len(names) == 1 else shared)
    if len(PurePosixPath(shared).parts) >= DEEP and folder.is_dir():
        recording.assumed(
            f"{recording.root} is above what it holds, {_count(names)} in {folder}, "
            f"and names of sequences begin with {shared}/. Give that folder: {folder}"
        )


def _recognised(root: Path) -> tuple[Path, Kind]:
    """Folder and layout of the recording at ``root``, or of the only one in it."""
    if kinds := whole_layouts(root):
        if not kinds[0].posed and (around := part_of(root)):
            raise ValueError(
                f"{root} is a {kinds[0].title} without poses, and {around}, or "
                f"--layout {kinds[0].layout} to do without poses and depth"
            )
        _check_alone(root, kinds[0])
        return root, kinds[0]
    inside = [path for path in listing(root) if path.is_dir()]
    found = _below(root)
    if MARKS & {path.name for path in inside}:  # parts of one recording are none each
        found = {path: kind for path, kind in found.items() if kind.posed}
    if len(found) == 1 and len(listing(root)) > 1:  # images beside other things
        found = {path: kind for path, kind in found.items() if kind.posed}
    if len(found) > 1:
        raise ValueError(_several(root, found))
    for path, kind in found.items():
        print_log(f"{root}: the recording is in {path}", logger="current")
        return path, kind
    raise ValueError(unknown(root))


def _check_alone(root: Path, kind: Kind) -> None:
    """Refuse a folder whose folders hold recordings of several layouts.

    Beside sequences right in ``root`` other layouts are mentioned instead, as a model
    of COLMAP beside the frames that it was made from.
    """
    names = kind(root).sequences() if kind.posed and root.is_dir() else []
    if not names or not all((root / name.split("/")[0]).is_dir() for name in names):
        return
    below = _below(root, [root / name for name in names])
    rest = {
        p: k for p, k in below.items() if k is not kind and k.posed and not k.packed
    }
    if rest:
        groups = groupby(names, key=lambda name: name.split("/")[0])
        own = {root / os.path.commonpath(group): kind for _, group in groups}
        text = _several(root, own | rest)
        raise ValueError(f"{text}, or --layout {kind.layout} for all of that layout")


def _below(root: Path, known: Collection[Path] = ()) -> dict[Path, Kind]:
    """Recordings in the folders of a folder, those without poses right in it only.

    Args:
        root: The folder.
        known: Folders of recordings that are known.
    """
    found: dict[Path, Kind] = {}
    taken = {*known}
    above = {folder for path in known for folder in path.parents}
    for folder in islice(folders_below(root), 1, LOOKED):
        if folder in above or not taken.isdisjoint((folder, *folder.parents)):
            continue
        kinds = whole_layouts(folder)
        if kinds and (kinds[0].posed or folder.parent == root):
            found[folder] = kinds[0]
            taken.add(folder)
    return found


def _several(root: Path, found: Mapping[Path, Kind]) -> str:
    """What is said of a folder above several recordings."""
    names = [f"{p.relative_to(root)} ({kind.title})" for p, kind in found.items()]
    more = f" and {len(names) - NAMED} others" if len(names) > NAMED else ""
    given = shlex.quote(str(next(iter(found))))
    return (
        f"{root} is above {len(names)} recordings: {', '.join(names[:NAMED])}{more}. "
        f"Give one of them: python tools/check_recording.py {given}"
    )


def _count(names: Sequence[str]) -> str:
    return f"{len(names)} sequence{'s' * (len(names) > 1)}"
