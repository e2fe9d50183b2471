"""What tells a file that this project wrote from a damaged one: its own CRC-32.

Every file carries it where its format has room: JSON as its last member (``seal``),
npz, ``.pt`` and ``.pth`` in the zip archive they are, PNG in its chunks, JPEG of ours
in a comment, packed views behind the pixels, feature files in their metadata. Arrays of
samples have theirs in the info file; for weights and tables,
:mod:`vantage3d.io.sidecars` keeps a SHA-256 beside the file. CRC-32 finds every single
flipped bit and every burst of up to 32, at four gigabytes a second.

Readers compare always, unless ``--no-verify`` was given
(:mod:`vantage3d.process.verification`); arrays of samples, which a training reads again
each epoch, once in a process and whenever their file has changed since.
"""

import functools
import json
import logging
import os
import re
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from mmengine.logging import print_log

from vantage3d.io.files import decoding
from vantage3d.process.verification import verifying

KEY = "crc32"
UNSEEN = "damage in it would not be seen"
_SEAL = re.compile(rb',? "crc32": "([0-9a-f]{8})"\}\s*\Z')
_SEAL_BYTES = 64  # more than the end of a sealed file


def crc32(data: Any, before: int = 0) -> str:
    """Eight hexadecimal digits of bytes or a contiguous array.

    Args:
        data: What to sum.
        before: CRC-32 of what lies before ``data``.
    """
    return f"{zlib.crc32(data, before):08x}"


def check_crc32(data: Any, written: str, name: str, remedy: str) -> None:
    """Compare ``data`` with its checksum when it was written.

    Raises:
        ValueError: If they differ.
    """
    if verifying() and (found := crc32(data)) != written:
        raise ValueError(
            f"{name} is damaged, or was changed after it was written: its CRC-32 is "
            f"{found}, expected {written}. {remedy}"
        )


class Compared:
    """Files whose checksum was compared, by the dates that tell a change.

    As git does, it trusts no dates of a moment ago: within the steps of a file
    system's clock a file can change without a trace.
    """

    SETTLED_NS = 2_000_000_000

    def __init__(self) -> None:
        self._seen: set[int] = set()  # hashes: a data set has a million files

    def check(
        self, data: bytes, written: str, path: Path, stat: os.stat_result, remedy: str
    ) -> None:
        """As :func:`check_crc32`, unless it was done since the file changed.

        Args:
            data: Content of the file.
            written: Its checksum when it was written.
            path: The file.
            stat: What was known of it before ``data`` was read.
            remedy: What to do when it is damaged.
        """
        changed_ns = max(stat.st_mtime_ns, stat.st_ctime_ns)
        key = hash((str(path), written, stat.st_size, stat.st_mtime_ns, changed_ns))
        if key in self._seen or not verifying():
            return
        check_crc32(data, written, str(path), remedy)
        if time.time_ns() - changed_ns > self.SETTLED_NS:
            self._seen.add(key)


def seal(text: str) -> bytes:
    """A JSON object with the checksum of all before it as last member."""
    body = text.rstrip().removesuffix("}").rstrip()
    comma = "" if body.endswith("{") else ","
    data = body.encode()
    return data + f'{comma} "{KEY}": "{crc32(data)}"}}\n'.encode()


def unseal(data: bytes, name: str, remedy: str, sealed: bool = False) -> Any:
    """The JSON that :func:`seal` wrote, without the checksum.

    Without one it is read with a warning: older files, those of others, and those that
    somebody edited and took the checksum from.

    Args:
        data: The file.
        name: What file it is, with its path.
        remedy: What to do when it is damaged.
        sealed: Whether to refuse a file without checksum.

    Raises:
        ValueError: If it is no JSON, or another than was written.
    """
    tail = max(0, len(data) - _SEAL_BYTES)
    match = _SEAL.search(data, tail)
    if match:
        body = memoryview(data)[: match.start()]
        remedy_ = f"{remedy} (to use it as it is: delete the last member, {KEY!r})"
        check_crc32(body, match[1].decode(), name, remedy_)
    elif sealed:
        raise ValueError(f"{name} has no checksum at its end. {remedy}")
    else:
        warn_unchecked(name)
    with decoding(name, "no JSON", remedy):
        content = json.loads(data)
    if isinstance(content, dict):
        content.pop(KEY, None)  # not last where another program wrote it again
    return content


def read_sealed(path: Path, what: str, remedy: str, sealed: bool = False) -> Any:
    """The JSON of a file that exists, as :func:`unseal` reads it."""
    return unseal(path.read_bytes(), f"{what} {path}", remedy, sealed)


def check_zip(file: Path | BinaryIO, name: str, remedy: str) -> bool:
    """Compare every member of a zip archive with its checksum.

    Returns:
        False if it is no zip archive: nothing was compared.

    Raises:
        ValueError: If a member is damaged.
    """
    if not verifying():
        return True
    if not zipfile.is_zipfile(file):
        return False
    with decoding(name, "damaged", remedy), zipfile.ZipFile(file) as archive:
        if (bad := archive.testzip()) is not None:
            raise ValueError(f"the CRC-32 of {bad} is another")
    return True


@functools.cache
def warn_unchecked(name: str, lacks: str = "checksum", so: str = UNSEEN) -> None:
    """Say once in a process that little tells whether a file is damaged."""
    if verifying():
        text = f"{name} has no {lacks}: {so}"
        print_log(text, logger="current", level=logging.WARNING)
