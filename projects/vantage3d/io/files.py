"""Files that are there and whole, or a message: what is wrong, and what to do."""

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from pickle import UnpicklingError
from tokenize import TokenError
from zipfile import BadZipFile

# What reading a file that is truncated, altered or of another kind raises, in any
# format. Three libraries have a base of their own beside it, where they are used:
# PIL's DecompressionBombError, SafetensorError and OpenCV's error.
DAMAGED: tuple[type[Exception], ...] = (
    *(OSError, EOFError, RuntimeError, ValueError, LookupError, TypeError),
    *(ArithmeticError, AttributeError, AssertionError, BufferError, MemoryError),
    *(SyntaxError, TokenError, UnpicklingError, struct.error, zlib.error, BadZipFile),
)
IMAGES = (".jpg", ".jpeg", ".png")  # that people exchange for one another


def existing(path: str | Path, what: str, remedy: str) -> Path:
    """The path of a file; FileNotFoundError with ``remedy`` if there is none."""
    path = Path(path)
    if not path.is_file():
        raise not_found(path, what, remedy)
    return path


def not_found(path: Path, what: str, remedy: str) -> FileNotFoundError:
    """The error for a file that is not there; it names one that is spelt otherwise."""
    if other := spelt_otherwise(path):
        return FileNotFoundError(
            f"{what} {path} is missing, but {other} lies there: the names differ in "
            "letter case, leading zeros or suffix. Give both one name"
        )
    return FileNotFoundError(f"{what} {path} is missing. {remedy}")


def spelt_otherwise(path: Path) -> str | None:
    """Name of a file in the same folder that may be meant by one that is not there."""
    with suppress(OSError):
        beside = _spellings(path.parent, path.parent.stat().st_mtime_ns)
        return beside.get(_spelling(path))
    return None


@lru_cache(maxsize=4)
def _spellings(folder: Path, changed_ns: int) -> dict[tuple[str, str], str]:
    return {_spelling(path): path.name for path in folder.iterdir()}


def _spelling(path: Path) -> tuple[str, str]:
    suffix = path.suffix.lower()
    return unpadded(path.stem), "image" if suffix in IMAGES else suffix


def unpadded(name: str) -> str:
    """A name without regard to letter case and to zeros that fill numbers up."""
    return re.sub(r"0*(\d+)", r"\1", name.lower())


@contextmanager
def decoding(
    name: str, damage: str, remedy: str, *also: type[Exception]
) -> Iterator[None]:
    """Decode a file inside the block; ValueError if that fails.

    Args:
        name: What file it is, with its path.
        damage: What is wrong with it if it is not truncated.
        remedy: What to do.
        also: What the format's library raises beside :data:`DAMAGED`.
    """
    try:
        yield
    except (*DAMAGED, *also) as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        text = f"{name} is truncated or {damage} ({reason:.300}). {remedy}"
        raise ValueError(text) from error
