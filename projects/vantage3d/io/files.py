"""Files that are there and whole, or a message: what is wrong, and what to do."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
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


def existing(path: str | Path, what: str, remedy: str) -> Path:
    """The path of a file; FileNotFoundError with ``remedy`` if there is none."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{what} {path} is missing. {remedy}")
    return path


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
