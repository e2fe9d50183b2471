"""Public ids: names of samples that are names of files, one for one."""

import re
from collections.abc import Iterable
from typing import Any

ODD = re.compile(rb"[^A-Za-z0-9._-]|^\.|\.(?=[0-9a-f]{2})")
PLAIN = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")
LONGEST = 200  # letters; a suffix and the mark of a temporary file come behind
HIDDEN = re.compile(r"_*\.[0-9a-f]{2}")


def public_name(name: str) -> str:
    """A name of letters, digits, ``.``, ``_`` and ``-`` alone, another for every name.

    A name of such letters stays as it is. Every other byte of its UTF-8 becomes a point
    and two hexadecimal digits: ``desk/cam 0`` is ``desk.2fcam.200``. So does a point
    that stands first, or before two such digits; and what would then begin with a point
    is preceded by ``_``. Files are told apart as names are, and none is hidden or leads
    out of its folder.

    Raises:
        ValueError: If the name is empty.
    """
    if not name:
        raise ValueError("a name is empty: nothing can be called by it")
    data = name.encode("utf-8", "surrogateescape")
    public = ODD.sub(lambda odd: b".%02x" % odd[0][0], data).decode()
    return f"_{public}" if HIDDEN.match(public) else public


def check_public(name: Any, where: str) -> str:
    """A public id that a file has, or says that it has.

    Args:
        name: As the file has it.
        where: Which file, for messages.

    Raises:
        ValueError: If files cannot be called by it.
    """
    if not isinstance(name, str) or not PLAIN.fullmatch(name):
        raise ValueError(
            f"{where} has the name {name!r:.80}. Files are called by it, so it may "
            "have letters of A-Z and a-z, digits, '.', '_' and '-' only, and no point "
            "in front. Make the file again with tools/create_data.py"
        )
    if len(name) > LONGEST:
        raise ValueError(
            f"{where} has the name {name!r:.60}... of {len(name)} letters, allowed are "
            f"{LONGEST}. Shorten it"
        )
    return name


def check_unique(ids: Iterable[tuple[str, str]]) -> None:
    """Refuse two things with one public id, which would write over each other.

    Args:
        ids: Id, and what it is of, in words of its owner.

    Raises:
        ValueError: Naming both, if two have one id.
    """
    seen: dict[str, str] = {}
    for public, of in ids:
        if public in seen:
            raise ValueError(
                f"{seen[public]} and {of} would both be called {public!r}, and one "
                "would be written over the other. Rename one of them"
            )
        seen[public] = of
