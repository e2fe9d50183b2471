"""Text files of people: lists, tables, matrices, JSON."""

import codecs
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

# A comma between two numbers: what separates them, or their decimal point.
NUMBERS = re.compile(r"[-+]?[\d.]+(e[-+]?\d+)?(,[-+]?[\d.]+(e[-+]?\d+)?)+", re.I)


def read_text(path: Path) -> str:
    """Text of a file, without the mark that some editors begin it with.

    UTF-8, or UTF-16 where the mark says so, as PowerShell writes lists.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is no text.
    """
    data = path.read_bytes()
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is no text file in UTF-8 ({error.reason} at byte {error.start}). "
            "Save it as plain text in UTF-8"
        ) from error


def parse_json(data: bytes) -> Any:
    """Content of a JSON file.

    Raises:
        ValueError: If it is damaged, or an object has a key twice, of which JSON's
            reader would keep the last.
    """
    return json.loads(data, object_pairs_hook=_object)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        (key, count), *_ = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"an object has the key {key!r} {count} times")
    return content


def split_words(line: str) -> list[str]:
    """Words of a line, parted by blanks, tabs, semicolons or commas.

    Raises:
        ValueError: If commas may be decimal points: ``0,5 1,2``.
    """
    words = re.sub(r",\s+|\s+,|,$", " ", line.replace(";", " ").strip()).split()
    if len(words) == 1:
        return [word for word in words[0].split(",") if word]
    if wrong := next(filter(NUMBERS.fullmatch, words), None):
        raise ValueError(
            f"{wrong!r} in {line.strip()[:60]!r} may be one number or several. Write "
            "decimal points, and blanks between numbers"
        )
    return words


def read_table(path: Path, columns: int) -> list[list[str]]:
    """Rows of words, parted as :func:`split_words` does; ``#`` starts a note.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If a row has fewer words than ``columns``.
    """
    rows = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            words = split_words(line)
        except ValueError as error:
            raise ValueError(f"{path} line {number}: {error}") from None
        if len(words) < columns:
            raise ValueError(
                f"{path} line {number} has {len(words)} columns, expected {columns}: "
                f"{line.strip()[:60]!r}"
            )
        rows.append(words)
    return rows


def read_list(path: Path) -> list[str]:
    """Lines of a split file without blanks; a repeated line is an error."""
    lines = [line.strip(" \t,;") for line in read_text(path).splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    repeated = [line for line, count in Counter(lines).items() if count > 1]
    if repeated:
        raise ValueError(
            f"{path} lists {min(repeated)} more than once. Remove the copies"
        )
    return lines
