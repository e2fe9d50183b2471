"""Depth maps of Record3D's ``.r3d`` files: the only file that imports lzfse."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.files import decoding, existing
from vantage3d.io.images import read_size

SUFFIX = ".depth"


def read_lzfse_depth(path: str | Path) -> NDArray[np.float32]:
    """(H, W) metres; NaN or 0 where missing.

    The file holds float32 row by row, compressed by Apple's LZFSE, and not its size:
    the map has the proportions of the ``.jpg`` of that name beside it.

    Raises:
        FileNotFoundError: If the file or its image is missing.
        ImportError: If lzfse is not installed.
        ValueError: If it is damaged, or has no such proportions.
    """
    path = existing(path, "depth file", "Export the recording again")
    image = path.with_suffix(".jpg")
    width, height = read_size(image)
    library, remedy = _lzfse(), "Export the recording again"
    raised = library.error, MemoryError
    with decoding(f"depth file {path}", "not LZFSE", remedy, *raised):
        values = np.frombuffer(library.decompress(path.read_bytes()), "<f4")
    rows = round(float(np.sqrt(values.size * height / width)))
    columns = round(rows * width / height)
    if not rows or rows * columns != values.size:
        raise ValueError(
            f"depth file {path} has {values.size} values, which make no map of the "
            f"proportions of {image.name}, {width}x{height}. Export it again"
        )
    return values.reshape(rows, columns)


def _lzfse() -> Any:
    try:
        import lzfse
    except ImportError as error:
        raise ImportError(
            "lzfse is not installed and depth of .r3d files needs it: pip install "
            "lzfse, or export from Record3D as EXR + JPG sequence"
        ) from error
    return lzfse
