"""Names chosen by patterns, as configs write them."""

import difflib
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from vantage3d.engine.errors import ConfigError


def matching(patterns: Iterable[str], names: Sequence[str], setting: str) -> list[str]:
    """The names that at least one pattern matches, in their order.

    Args:
        patterns: Patterns of ``fnmatch``; ``*`` also matches dots.
        names: Dotted names of a model.
        setting: Where the patterns stand in the config, for messages.

    Raises:
        ConfigError: If a pattern matches nothing; it names the nearest names.
    """
    chosen: set[str] = set()
    for pattern in patterns:
        matched = {name for name in names if fnmatchcase(name, pattern)}
        if not matched:
            raise ConfigError(
                f"`{setting}` has the pattern {pattern!r}, which matches none of "
                f"{len(names)} names{nearest(pattern, names)}"
            )
        chosen |= matched
    return [name for name in names if name in chosen]


def nearest(pattern: str, names: Iterable[str]) -> str:
    """``; nearest: a, b, c`` for a message, prefixes of names included."""
    known = {
        ".".join(parts[:length])
        for parts in (name.split(".") for name in names)
        for length in range(1, len(parts) + 1)
    }
    found = difflib.get_close_matches(pattern.strip("*."), sorted(known), 3, 0.3)
    return f"; nearest: {', '.join(found)}" if found else ""
