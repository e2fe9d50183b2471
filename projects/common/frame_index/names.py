"""Choosing scenes by name, with wildcards."""

from collections.abc import Sequence
from difflib import get_close_matches
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


def matching_names(
    argument: str, names: Sequence[str], patterns: Sequence[str] | None
) -> list[str]:
    """The names that match one of ``patterns``, in their own order.

    Args:
        argument: What the user gave the patterns with, for the message.
        names: All sequences of an index.
        patterns: Names, ``*`` is a wildcard; None for all.

    Raises:
        ValueError: If a pattern matches nothing.
    """
    if patterns is None:
        return list(names)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in names):
            near = get_close_matches(pattern, names, 3, 0.3) or names[:3]
            raise ValueError(
                f"`{argument}` has {pattern!r}, which matches none of the {len(names)} "
                f"sequences of the index; nearest are {', '.join(near)}. Correct it, "
                "or make the index from the folder that has it"
            )
    return [n for n in names if any(fnmatchcase(n, pattern) for pattern in patterns)]
