"""Text files that people write by hand: lists, tables, matrices."""

from collections import Counter
from pathlib import Path


def read_text(path: Path) -> str:
    """Text of a file in UTF-8, without the mark that some editors begin it with.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is no text.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text file ({error.reason})") from error


def read_list(path: Path) -> list[str]:
    """Lines of a split file without blanks; a repeated line is an error."""
    lines = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    repeated = [line for line, count in Counter(lines).items() if count > 1]
    if repeated:
        raise ValueError(
            f"{path} lists {min(repeated)} more than once. Remove the copies"
        )
    return lines
