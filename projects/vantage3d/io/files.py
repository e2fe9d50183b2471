"""Files that are there and whole, or a message: what is wrong, and what to do."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zipfile import BadZipFile

# What reading a truncated file, or one of another kind, raises in any format.
DAMAGED: tuple[type[Exception], ...] = (
    *(OSError, EOFError, RuntimeError, ValueError, KeyError, TypeError),
    *(zlib.error, BadZipFile),
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
        text = f"{name} is truncated or {damage} ({error}). {remedy}"
        raise ValueError(text) from error
