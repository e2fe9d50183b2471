"""Choosing scenes by name, with wildcards."""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path


def split_scenes(
    scenes: Sequence[str], chosen: Mapping[str, Sequence[str]], rest: str = "train"
) -> dict[str, list[str]]:
    """Scenes of every split.

    Args:
        scenes: Names of all.
        chosen: Patterns of the scenes of some splits, ``*`` is a wildcard.
        rest: Split of all scenes that no pattern matches.

    Raises:
        ValueError: If a pattern matches nothing.
    """
    splits = {rest: list(scenes)}
    for split, patterns in chosen.items():
        for pattern in patterns:
            if not any(fnmatchcase(scene, pattern) for scene in scenes):
                raise ValueError(
                    f"--{split}-scenes {pattern!r} matches none of the {len(scenes)} "
                    f"scenes found: {', '.join(scenes[:10])}"
                )
        splits[split] = [s for s in scenes if any(fnmatchcase(s, p) for p in patterns)]
        splits[rest] = [s for s in splits[rest] if s not in splits[split]]
    return splits


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


def sequence_name(root: Path, folder: Path) -> str:
    """Path of a sequence's folder below ``root``; the name of ``root`` for itself."""
    if folder == root:
        return root.resolve().name
    return folder.relative_to(root).as_posix()
