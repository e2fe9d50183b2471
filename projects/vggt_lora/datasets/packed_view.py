"""Views at the network's size in one small file each, for loaders that must be fast.

A file holds (H, W, 6) bytes: red, green, blue, depth (little-endian 16 bit, 256 units
per metre), label (255 unknown).
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from projects.common.io.atomic import atomic_write_bytes
from projects.vggt_lora.datasets.sample import UNKNOWN, BadSampleError

UNITS = 256  # per metre
UNLABELLED = 255


class PackedView(NamedTuple):
    """Image (H, W, 3) uint8, depth (H, W) float32 metres, semantics (H, W) int16."""

    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    semantics: NDArray[np.int16]


def write_view(path: str | Path, view: PackedView) -> None:
    """Write a view; depth is rounded to 2 mm and missing beyond 255 m."""
    units = np.round(np.where(view.depth < 255.99, view.depth, 0) * UNITS)
    packed = np.empty((*view.depth.shape, 6), np.uint8)
    packed[..., :3] = view.image
    packed[..., 3:5] = units.astype("<u2")[..., None].view(np.uint8)
    packed[..., 5] = np.where(view.semantics < 0, UNLABELLED, view.semantics)
    atomic_write_bytes(path, packed.tobytes())


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
    packed = packed.reshape(height, width, 6)
    units = np.ascontiguousarray(packed[..., 3:5]).view("<u2")[..., 0]
    depth = units.astype(np.float32) * np.float32(1 / UNITS)
    semantics = packed[..., 5].astype(np.int16)
    semantics[semantics == UNLABELLED] = UNKNOWN
    return PackedView(packed[..., :3], depth, semantics)
