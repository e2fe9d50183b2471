"""How much memory a file may ask for, by what it takes on disk.

A megabyte of zeros, packed, is a kilobyte: what a file says about its own size is
checked before memory is taken. Depth, colour and frame indexes unfold to 2 to 20 times
their size on disk, JSON to 5 to 10 times.
"""

import gzip
import io
import zipfile
from pathlib import Path
from typing import NamedTuple


class Bound(NamedTuple):
    """Bytes that a file may unfold to.

    Attributes:
        always: However small the file is.
        ratio: Per byte on disk, beyond that.
    """

    always: int
    ratio: int


ARRAYS = Bound(2**26, 200)
MASKS = Bound(2**30, 200)  # of a scan: 10^6 points in 1000 of them, next to nothing
TEXT = Bound(2**24, 40)  # a list of JSON takes 20 times its text in memory
CHUNK = 2**20


def allowed_bytes(path: Path, bound: Bound = ARRAYS) -> int:
    """Bytes that a file may unfold to."""
    return max(bound.always, bound.ratio * path.stat().st_size)


def check_unfolded(path: str | Path, unfolded: int, bound: Bound = ARRAYS) -> None:
    """Refuse a file that would unfold to more bytes than its size on disk allows.

    Raises:
        ValueError: If it would.
    """
    allowed = allowed_bytes(Path(path), bound)
    if not 0 <= unfolded <= allowed:
        raise ValueError(
            f"{path} ({Path(path).stat().st_size} bytes) would unfold to {unfolded} "
            f"bytes, allowed are {allowed}: {bound.always >> 20} MiB, or {bound.ratio} "
            "times its size on disk. It is damaged, or made to fill the memory"
        )


def gunzip(path: Path, bound: Bound = TEXT) -> bytes:
    """Content of a gzip file of text.

    Raises:
        ValueError: If it unfolds to more than ``bound`` allows.
        Exception: As gzip says, if it is damaged.
    """
    data, allowed = io.BytesIO(), allowed_bytes(path, bound)
    with gzip.open(path) as file:
        while chunk := file.read(CHUNK):
            data.write(chunk)
            if data.tell() > allowed:
                check_unfolded(path, data.tell(), bound)
    return data.getvalue()


def check_archive(path: Path) -> None:
    """:func:`check_zip` where a file is an archive, as those of ``torch.save`` are."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as file:
            check_zip(path, file)


def check_zip(path: Path, file: zipfile.ZipFile, bound: Bound = ARRAYS) -> None:
    """Refuse an archive whose entries unfold to more than ``bound`` allows.

    Raises:
        ValueError: If they do.
    """
    check_unfolded(path, sum(entry.file_size for entry in file.infolist()), bound)
