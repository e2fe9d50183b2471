"""Raw ``.bin`` arrays: points, labels and pixels, row by row, little-endian."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import Compared, crc32
from vantage3d.io.files import existing

ADD_MISSING = "Run tools/create_data.py again; it adds what lacks"
POINT_COLUMNS = 6  # x y z in metres, r g b 0..255
_COMPARED = Compared()


def read_rows(
    path: str | Path,
    dtype: str,
    columns: int = 1,
    rows: int | None = None,
    crc: str | None = None,
) -> NDArray:
    """The rows of a ``.bin`` file.

    Args:
        path: The file.
        dtype: Little-endian numpy type, such as ``"<f4"``.
        columns: Values per row.
        rows: How many rows there must be, None for any number above zero.
        crc: CRC-32 of the file as its info file has it, None if it has none.

    Returns:
        (N, columns), or (N,) when ``columns`` is 1.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If its length is not a whole number of rows, or not ``rows``, or it
            does not match ``crc``.
    """
    file = existing(path, "sample file", ADD_MISSING)
    stat, data = file.stat(), file.read_bytes()
    size = np.dtype(dtype).itemsize * columns
    if len(data) == 0 or len(data) % size:
        raise ValueError(
            f"{path} has {len(data)} bytes, expected a multiple of {size} above 0 "
            f"({columns} x {dtype} per row): the file is truncated or of another "
            "layout. Delete it and run tools/create_data.py again"
        )
    found = len(data) // size
    if rows is not None and found != rows:
        raise ValueError(
            f"{path} has {found} rows, expected {rows} (as many as points). Delete it "
            "and run tools/create_data.py again"
        )
    if crc is not None:
        _COMPARED.check(data, crc, file, stat, f"Delete it. {ADD_MISSING}")
    array = np.frombuffer(data, dtype=dtype).copy()
    return array if columns == 1 else array.reshape(-1, columns)


def write_rows(path: str | Path, array: NDArray, dtype: str) -> str:
    """Write ``array`` (N,) or (N, columns) row by row as ``dtype``; its CRC-32."""
    data = np.ascontiguousarray(array, dtype=dtype).tobytes()
    atomic_write_bytes(path, data)
    return crc32(data)


def read_points(
    path: str | Path,
    columns: int = POINT_COLUMNS,
    rows: int | None = None,
    crc: str | None = None,
) -> NDArray:
    """(N, columns) float32 points, all finite, from the fourth column on 0..255.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is truncated or damaged, a value is NaN or infinite, or
            colours are fractions of 1.
    """
    points = read_rows(path, "<f4", columns, rows, crc)
    check_finite(points, str(path))
    colors = points[:, 3:]
    if colors.size and colors.max() <= 1 and (colors != colors.round()).any():
        raise ValueError(
            f"{path}: colours span {colors.min():g}..{colors.max():g}, expected 0..255."
            " Multiply them by 255"
        )
    return points


def check_finite(points: NDArray, name: str) -> None:
    """Raise a ValueError naming the first row of ``points`` (N, C) not finite."""
    bad = np.flatnonzero(~np.isfinite(points).all(axis=1))
    if len(bad):
        raise ValueError(
            f"{name}: {len(bad)} of {len(points)} points are NaN or infinite, first is "
            f"row {bad[0]} with {points[bad[0]].tolist()}. Make the file again from "
            "clean depth and poses"
        )


def read_labels(
    path: str | Path, rows: int | None = None, crc: str | None = None
) -> NDArray:
    """(N,) int64 labels, one per point; errors as in :func:`read_rows`."""
    return read_rows(path, "<i8", 1, rows, crc)


def read_pixels(
    path: str | Path, rows: int | None = None, crc: str | None = None
) -> NDArray:
    """(N, 2) int32 source pixels (x, y), one per point; errors as above."""
    return read_rows(path, "<i4", 2, rows, crc)
