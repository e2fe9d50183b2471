"""SHA-256 beside a file, in ``<name>.sha256``, which ``sha256sum -c`` reads.

Order of a write, so that at no moment a file lacks its hash:

1. the content goes to a temporary file and is hashed on the way;
2. ``<name>.sha256`` lists the new hash (and the old one if ``<name>`` exists);
3. the temporary file is fsynced and renamed to ``<name>``, the folder is fsynced;
4. ``<name>.sha256`` lists the new hash only.
"""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from vantage3d.io.atomic import atomic_write, atomic_write_bytes
from vantage3d.io.checksums import warn_unchecked
from vantage3d.process.verification import verifying


class HashingFile:
    """Binary file that hashes what is written.

    torch's writer cannot be left by an exception, so an error is kept for later.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self._error: OSError | None = None

    def write(self, data: bytes) -> int:
        if self._error is None:
            try:
                self._file.write(data)
                self._hash.update(data)
            except OSError as error:
                self._error = error
        return memoryview(data).nbytes

    def flush(self) -> None:
        if self._error is None:
            self._file.flush()

    def digest(self) -> str:
        """SHA-256 of everything written; raises what went wrong while writing."""
        if self._error is not None:
            raise self._error
        return self._hash.hexdigest()


def sidecar(path: Path) -> Path:
    """The file beside ``path`` that holds its hash."""
    return path.with_name(f"{path.name}.sha256")


def write_hashed(path: Path, writer: Callable[[HashingFile], object]) -> None:
    """Write ``path`` through ``writer``, with its hash beside it.

    Raises:
        OSError: If the disk is full or the folder cannot be written; what was there
            before is still there.
    """
    digests = known_digests(path) if path.exists() else []

    def write(file: BinaryIO) -> None:
        hashing = HashingFile(file)
        writer(hashing)
        digests.append(hashing.digest())
        _write_sidecar(path, digests)

    atomic_write(path, write)
    if len(digests) > 1:
        _write_sidecar(path, digests[-1:])


def write_hashed_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` as :func:`write_hashed` does."""
    write_hashed(path, lambda file: file.write(data))


def check_hash(path: Path, name: str, remedy: str) -> bool:
    """Whether a hash lies beside ``path``; the file matches it.

    Args:
        path: The file.
        name: What file it is, with its path.
        remedy: What to do when it is damaged.

    Raises:
        ValueError: If there is one and the file does not match.
    """
    if not verifying():
        return True
    expected = known_digests(path)
    if not expected:
        return False
    found = file_hash(path)
    if found not in expected:
        raise ValueError(
            f"{name} is damaged: its SHA-256 is {found}, {sidecar(path)} says "
            f"{expected[-1]}. {remedy}"
        )
    return True


def read_hashed(path: Path, name: str, remedy: str) -> bytes:
    """Content of a file; without a hash beside it there is a warning.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it does not match its hash.
    """
    data = path.read_bytes()
    if not check_hash(path, name, remedy):
        warn_unchecked(name)
    return data


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_digests(path: Path) -> list[str]:
    """Hashes beside ``path``; more than one only while it is being replaced."""
    try:
        text = sidecar(path).read_text(errors="replace")
    except FileNotFoundError:
        return []
    digests = re.findall(r"^([0-9a-f]{64})\s", text, re.MULTILINE)
    return digests or ["nothing"]


def _write_sidecar(path: Path, digests: list[str]) -> None:
    lines = "".join(f"{digest}  {path.name}\n" for digest in digests)
    atomic_write_bytes(sidecar(path), lines.encode())
