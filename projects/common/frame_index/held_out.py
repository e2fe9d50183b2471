"""Splits by whole scenes."""

from collections.abc import Sequence
from fnmatch import fnmatchcase


def hold_out(scenes: Sequence[str], patterns: Sequence[str]) -> dict[str, list[str]]:
    """``train`` and ``val`` scenes.

    Args:
        scenes: Names of all.
        patterns: Names of the held-out ones, ``*`` is a wildcard.

    Raises:
        ValueError: If a pattern matches nothing.
    """
    for pattern in patterns:
        if not any(fnmatchcase(scene, pattern) for scene in scenes):
            raise ValueError(
                f"--val-scenes {pattern!r} matches none of the {len(scenes)} scenes "
                f"found: {', '.join(scenes[:10])}"
            )
    held = [s for s in scenes if any(fnmatchcase(s, pattern) for pattern in patterns)]
    return {"train": [s for s in scenes if s not in held], "val": held}
