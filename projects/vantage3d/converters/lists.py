"""Lists of scenes, and which of them are on disk."""

import argparse
import logging
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from mmengine.logging import print_log

from vantage3d.io.text import read_list

SHOWN = 5


def add_available(parser: argparse.ArgumentParser) -> None:
    """``--available``."""
    text = "leave out scenes of a list that are not on disk"
    parser.add_argument("--available", action="store_true", help=text)


def on_disk(
    listed: Sequence[str],
    found: Iterable[str],
    source: str | Path,
    available: bool,
    kind: str = "scenes",
) -> list[str]:
    """Scenes of a list that are there.

    Args:
        listed: Names of scenes.
        found: Names of those on disk.
        source: The list, for messages.
        available: Whether some may be missing; that is told with their number.
        kind: What the names are of, for messages.

    Raises:
        ValueError: If some are missing and may not be.
    """
    known = dict.fromkeys(found)
    there = [scene for scene in listed if scene in known]
    missing = [scene for scene in listed if scene not in known]
    if not missing:
        return there
    first = ", ".join(missing[:SHOWN]) + ", ..." * (len(missing) > SHOWN)
    count = f"{len(there)} of {len(listed)} {kind}"
    if not available:
        names = ", ".join(list(known)[:SHOWN]) or "nothing"
        folded = {name.lower(): name for name in known}
        if near := [folded[n.lower()] for n in missing if n.lower() in folded]:
            names += f" (letter case differs: {near[0]})"
        raise ValueError(
            f"{source} names {len(missing)} {kind} that are not on disk: {first}. On "
            f"disk: {names}. Get the others, or go on with what is there, {count}, "
            "with --available"
        )
    _warn(f"{source}: {count} are on disk; left out are {first}")
    return there


@lru_cache
def _warn(text: str) -> None:
    """Warn once, however often the list is read."""
    print_log(text, logger="current", level=logging.WARNING)


def read_scenes(path: Path, found: Iterable[str], available: bool) -> list[str]:
    """Scenes of a file with one per line, as :func:`on_disk` checks them."""
    return on_disk(read_list(path), found, path, available)
