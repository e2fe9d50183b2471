"""Choosing scenes by name, with wildcards."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

TEST_SCENES = range(707, 807)  # scene0707_00 .. scene0806_00 of ScanNet


def split_scenes(
    scenes: Sequence[str],
    chosen: Mapping[str, Sequence[str]],
    rest: str = "train",
    kind: str = "scenes",
) -> dict[str, list[str]]:
    """Scenes of every split.

    Args:
        scenes: Names of all.
        chosen: Patterns of the scenes of some splits, ``*`` is a wildcard.
        rest: Split of all scenes that no pattern matches.
        kind: What the names are of, for the message.

    Raises:
        ValueError: If a pattern matches nothing.
    """
    splits = {rest: list(scenes)}
    for split, patterns in chosen.items():
        for pattern in patterns:
            if not any(fnmatchcase(scene, pattern) for scene in scenes):
                raise ValueError(
                    f"--{split}-{kind} {pattern!r} matches none of the {len(scenes)} "
                    f"{kind} found: {', '.join(scenes[:10])}"
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


def is_test_scene(name: str) -> bool:
    """Whether a scan is of ScanNet's official test set, by its number."""
    match = re.match(r"scene(\d{4})(_|$)", name)
    return match is not None and int(match[1]) in TEST_SCENES


def check_splits(splits: Mapping[str, Sequence[str]]) -> None:
    """Refuse scenes of ScanNet's test set in what trains or selects a model.

    Raises:
        ValueError: If ``train`` or ``val`` names one.
    """
    for split in ("train", "val"):
        wrong = [scene for scene in splits.get(split, ()) if is_test_scene(scene)]
        if wrong:
            raise ValueError(
                f"the {split} split has {len(wrong)} scenes of ScanNet's test set "
                f"(scene0707 to scene0806), first {wrong[0]}: results on the test set "
                "would mean nothing. Move them to the test split"
            )
