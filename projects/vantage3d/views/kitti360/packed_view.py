"""Views at the network's size in one small file each, for loaders that must be fast.

A file holds three images behind each other: (H, W, 3) bytes RGB, (H, W) little-endian
16-bit depth with 256 units per metre, (H, W) bytes of labels, 255 unknown.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.depth_files import KITTI_SCALE, depth_units
from vantage3d.views.batch import UNKNOWN
from vantage3d.views.frame import BadSampleError

UNLABELLED = 255


class PackedView(NamedTuple):
    """Image (H, W, 3) uint8, depth (H, W) float32 metres, semantics (H, W) int16."""

    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    semantics: NDArray[np.int16]


def write_view(path: str | Path, view: PackedView) -> None:
    """Write a view; depth is rounded to 2 mm and missing beyond 255 m."""
    units = depth_units(view.depth, KITTI_SCALE).astype("<u2", copy=False)
    labels = np.where(view.semantics < 0, UNLABELLED, view.semantics).astype(np.uint8)
    parts = (view.image, units, labels)
    atomic_write_bytes(path, b"".join(part.tobytes() for part in parts))


def read_view(path: str | Path, height: int, width: int) -> PackedView:
    """Read a view of known size.

    Raises:
        FileNotFoundError: If the file is missing.
        BadSampleError: If it has another size.
    """
    try:
        packed = np.fromfile(path, np.uint8)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{path} is missing. Run tools/create_data.py again; it adds what lacks."
        ) from None
    if packed.size != height * width * 6:
        raise BadSampleError(
            f"{path} has {packed.size} bytes, expected {height * width * 6} for a view "
            f"of {width}x{height}. Delete it and run tools/create_data.py again."
        )
    image, units, labels = np.split(packed, [height * width * 3, height * width * 5])
    depth = units.view("<u2").astype(np.float32) * np.float32(1 / KITTI_SCALE)
    semantics = labels.astype(np.int16)
    semantics[semantics == UNLABELLED] = UNKNOWN
    size = (height, width)
    return PackedView(
        image.reshape(*size, 3), depth.reshape(size), semantics.reshape(size)
    )
