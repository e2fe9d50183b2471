"""numpy's files, ``.npy`` and ``.npz``, read without trusting what they announce."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import IO
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from vantage3d.io.bounds import ARRAYS, Bound, check_zip
from vantage3d.io.files import decoding, existing

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


def load_array(path: str | Path, what: str, remedy: str) -> NDArray:
    """The array of a ``.npy`` file.

    Args:
        path: The file.
        what: What it is, for messages.
        remedy: What to do where it cannot be read.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged, holds objects, or is shorter than it says.
    """
    path = existing(path, what, remedy)
    with decoding(f"{what} {path}", "no array", remedy), open(path, "rb") as file:
        _check_length(file, os.fstat(file.fileno()).st_size)
        file.seek(0)
        return np.load(file, allow_pickle=False)


def load_arrays(
    path: str | Path,
    what: str,
    remedy: str,
    names: Iterable[str] | None = None,
    bound: Bound = ARRAYS,
) -> dict[str, NDArray]:
    """Arrays of a ``.npz`` file by name.

    Args:
        path: The file.
        what: What it is, for messages.
        remedy: What to do where it cannot be read.
        names: Those that are needed; all that it has if not given.
        bound: Of what it may unfold to.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged, lacks a name, holds objects, or unfolds to more
            than ``bound`` allows.
    """
    path = existing(path, what, remedy)
    with decoding(f"{what} {path}", "of another kind", remedy), ZipFile(path) as store:
        check_zip(path, store, bound)
        known = [name.removesuffix(".npy") for name in store.namelist()]
        return {name: _entry(store, f"{name}.npy") for name in names or known}


def _entry(store: ZipFile, name: str) -> NDArray:
    with store.open(name) as file:
        _check_length(file, store.getinfo(name).file_size)
    with store.open(name) as file:
        array = npy.read_array(file, allow_pickle=False)
        file.read()  # to the end, where the check sum is compared
        return array


def _check_length(file: IO[bytes], length: int) -> None:
    """Refuse an array that a header makes larger than the ``length`` of its file."""
    version = npy.read_magic(file)
    if version not in HEADERS:
        raise ValueError(
            f"arrays of version {version} are not read, {list(HEADERS)} are"
        )
    shape, _, dtype = HEADERS[version](file)
    announced, stored = max(1, dtype.itemsize), length - file.tell()
    for side in shape:
        announced *= side  # of Python's integers, which do not overflow
    if min(shape, default=0) < 0 or announced > stored:
        raise ValueError(
            f"its header announces {shape} {dtype}, {announced} bytes, and {stored} "
            "follow"
        )
