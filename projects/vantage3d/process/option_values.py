"""Values of config keys as words of a command line, read and written."""

from collections.abc import Mapping
from contextlib import suppress
from itertools import accumulate
from typing import Any


def option_value(text: str) -> Any:
    """A number, True, False, None, a text, or lists and dictionaries of these.

    ``1,2`` and ``[1, 2]`` are lists, ``(1, 2)`` is a tuple, ``{type: Adam, lr: 1}`` a
    dictionary. Blanks within a text stay; quotes around it keep commas and brackets
    too: ``'"a, b"'``.
    """
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return text[1:-1]
    ends = text[:1] + text[-1:]
    whole = ends in ("()", "[]", "{}") and _depths(text)[:-1].count(0) == 0
    parts = _parts(text[1:-1] if whole else text)
    named = [part for part in parts if part.strip()]
    if ends == "{}" and whole and all(":" in part for part in named):
        pairs = (part.split(":", 1) for part in named)
        return {key.strip(): option_value(value) for key, value in pairs}
    if whole and ends != "{}":
        values = [option_value(part) for part in parts if part.strip()]
        return tuple(values) if text[0] == "(" else values
    if len(parts) > 1:
        return [option_value(part) for part in parts]
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if text == "None":
        return None
    for number in (int, float):
        with suppress(ValueError):
            return number(text) if "_" not in text else text
    return text


def _depths(text: str) -> list[int]:
    """How many brackets are open behind each letter."""
    steps = ((letter in "([{") - (letter in ")]}") for letter in text)
    return list(accumulate(steps))


def _parts(text: str) -> list[str]:
    """What stands between commas outside of brackets."""
    places = [
        place
        for place, depth in enumerate(_depths(text))
        if depth == 0 and text[place] == ","
    ]
    starts = [0, *(place + 1 for place in places)]
    return [text[start:end] for start, end in zip(starts, [*places, len(text)])]


def option_text(value: Any) -> str:
    """A text, no blanks added, that :func:`option_value` reads as the value."""
    if isinstance(value, Mapping):
        pairs = (f"{key}:{option_text(one)}" for key, one in value.items())
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list | tuple):
        inner = ",".join(map(option_text, value))
        return f"({inner})" if isinstance(value, tuple) else f"[{inner}]"
    text = str(value)
    if isinstance(value, str) and option_value(text) != value:
        return f'"{text}"'
    return text
