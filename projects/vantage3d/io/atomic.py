"""Files appear whole or not at all: temporary file, fsync, rename."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

TEMPORARY_SUFFIX = ".part"


def atomic_write(path: str | Path, writer: Callable[[BinaryIO], object]) -> None:
    """Write ``path`` through ``writer`` so that no reader ever sees half of it.

    Args:
        path: Where the file shall be; missing folders are made.
        writer: Gets the open binary file and writes the whole content.

    Raises:
        OSError: If the disk is full or the folder cannot be written; what was at
            ``path`` before is still there.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}{TEMPORARY_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "xb") as file:
            writer(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise OSError(
                error.errno,
                f"could not write {path}: {error.strerror or error}. Nothing was "
                "changed; free some space or choose another folder",
            ) from error
        raise


def atomic_write_bytes(path: str | Path, data: bytes) -> None:
    """Write ``data`` to ``path`` as :func:`atomic_write` does."""
    atomic_write(path, lambda file: file.write(data))


def remove_temporaries(folder: str | Path) -> None:
    """Delete what a killed process left half-written directly in ``folder``."""
    for leftover in Path(folder).glob(f".*{TEMPORARY_SUFFIX}"):
        if leftover.is_dir():  # where a library wrote that wants a name of its own
            shutil.rmtree(leftover, ignore_errors=True)
        else:
            leftover.unlink(missing_ok=True)
