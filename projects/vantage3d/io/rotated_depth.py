"""Depth images whose 16-bit values are rotated left by three bits (SUN3D)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.images import read_ids

BITS = 3
MILLIMETRES = 1000.0
PLAIN = 0.5  # share of values with empty low bits below which an image is not rotated


def rotate_bits(values: NDArray[np.integer]) -> NDArray[np.uint16]:
    """Values as they are stored: the bits of 16 moved left by three, in a circle."""
    return _turned(values, BITS)


def unrotate_bits(stored: NDArray[np.integer]) -> NDArray[np.uint16]:
    """Values of what :func:`rotate_bits` made."""
    return _turned(stored, 16 - BITS)


def read_rotated_depth(path: str | Path) -> NDArray[np.float32]:
    """(H, W) float32 z-depth in metres of a rotated image in millimetres.

    Below 8.192 m, which is beyond the range of the sensor, the three lowest stored bits
    are empty: an image where most values have some is a plain one.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is truncated, not 16 bits deep, or not rotated.
    """
    stored = read_ids(path, "depth image")
    if stored.any() and stored.max() >= 2**16:
        raise ValueError(
            f"depth image {path} has values up to {stored.max()}, expected 16 bits. "
            "Take the file as it was released"
        )
    valid = stored[stored > 0]
    near = float((valid % 2**BITS == 0).mean()) if valid.size else 1.0
    if near < PLAIN:
        raise ValueError(
            f"depth image {path} is not bit-rotated: {1 - near:.0%} of its values "
            "would be beyond 8.19 m. SUN3D's images are rotated; for plain millimetres "
            "write the frames as an RGB-D folder (rgbd_frames)"
        )
    return (unrotate_bits(stored) / np.float64(MILLIMETRES)).astype(np.float32)


def looks_rotated(depth: NDArray[np.floating]) -> bool:
    """Whether a depth image was read as millimetres though its bits are rotated.

    Then depths are eight times too large and all multiples of 8 mm.

    Args:
        depth: (H, W) metres as they were read, 0 = missing.
    """
    valid = np.round(depth[depth > 0] * MILLIMETRES).astype(np.int64)
    if not valid.size or np.median(valid) < 4 * MILLIMETRES:
        return False
    multiples = valid % 2**BITS == 0
    return bool(multiples.mean() > 0.99 and len(np.unique(valid[multiples])) > 16)


def _turned(values: NDArray[np.integer], bits: int) -> NDArray[np.uint16]:
    """The bits of 16 moved left by ``bits``, in a circle."""
    values = values.astype(np.uint32)
    return ((values << bits) | (values >> (16 - bits))).astype(np.uint16)
