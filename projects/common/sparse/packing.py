"""Lattice positions packed into one sortable int64 each.

The layout of a key, from the highest bit: 9 bits batch, then the high 14 bits of x, y
and z, then their low 4 bits. Sorting keys therefore sorts voxels by sample, then by
cells of 16 x 16 x 16, then inside the cell: neighbours in space are close in memory.
"""

import torch
from torch import Tensor

CELL_BITS = 4
AXIS_BITS = 18
MAX_BATCH = 1 << 9
MARGIN = 256  # lattice steps that a kernel may reach past a voxel
LIMIT = (1 << (AXIS_BITS - 1)) - MARGIN
_HALF = 1 << (AXIS_BITS - 1)
_HIGH_BITS = AXIS_BITS - CELL_BITS
_LOW_MASK = (1 << CELL_BITS) - 1


def pack(batch: Tensor, lattice: Tensor) -> Tensor:
    """Keys of lattice positions; no check, see :func:`check_range`.

    Args:
        batch: (...,) sample index, 0 to 511.
        lattice: (..., 3) integer positions, each coordinate divided by the stride.

    Returns:
        (...,) int64 keys.
    """
    shifted = lattice.long() + _HALF
    high, low = shifted >> CELL_BITS, shifted & _LOW_MASK
    key = batch.long()
    for axis in range(3):
        key = (key << _HIGH_BITS) | high[..., axis]
    for axis in range(3):
        key = (key << CELL_BITS) | low[..., axis]
    return key


def unpack(keys: Tensor) -> Tensor:
    """(N, 4) int32 rows [batch, x, y, z] in lattice steps; the inverse of pack."""
    low_all = keys & ((1 << 3 * CELL_BITS) - 1)
    high_all = keys >> 3 * CELL_BITS
    columns = [high_all >> 3 * _HIGH_BITS]
    for axis in range(3):
        down = 2 - axis
        high = (high_all >> down * _HIGH_BITS) & ((1 << _HIGH_BITS) - 1)
        low = (low_all >> down * CELL_BITS) & _LOW_MASK
        columns.append(((high << CELL_BITS) | low) - _HALF)
    return torch.stack(columns, dim=1).to(torch.int32)


def check_range(batch: Tensor, lattice: Tensor) -> None:
    """Raise ValueError if a position does not fit into a key."""
    if batch.numel() == 0:
        return
    low, high = int(batch.min()), int(batch.max())
    if low < 0 or high >= MAX_BATCH:
        bad = low if low < 0 else high
        raise ValueError(
            f"Batch index must be in 0..{MAX_BATCH - 1}, got {bad}. "
            "The first coordinate column is the sample of a row."
        )
    low, high = int(lattice.min()), int(lattice.max())
    if low <= -LIMIT or high >= LIMIT:
        bad = low if low <= -LIMIT else high
        raise ValueError(
            f"Coordinates must lie within +-{LIMIT - 1} voxels, got {bad}. "
            "Centre the cloud or use a larger voxel."
        )
