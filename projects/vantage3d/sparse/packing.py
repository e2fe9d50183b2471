"""Lattice positions packed into one sortable int64 each.

A key holds 9 bits of batch above the bits of x, y and z interleaved (Morton or Z order,
x lowest). Sorting keys sorts voxels by sample and then along a curve on which
neighbours in space are close, at every scale; the three lowest bits are a voxel's
place in its 2 x 2 x 2 parent, x fastest.
"""

from torch import Tensor

AXIS_BITS = 18
MAX_BATCH = 1 << 9
MARGIN = 256  # lattice steps that a kernel may reach past a voxel
LIMIT = (1 << (AXIS_BITS - 1)) - MARGIN
_HALF = 1 << (AXIS_BITS - 1)
_SPREADS = (
    (32, 0x1F00000000FFFF),
    (16, 0x1F0000FF0000FF),
    (8, 0x100F00F00F00F00F),
    (4, 0x10C30C30C30C30C3),
    (2, 0x1249249249249249),
)


def spread(positions: Tensor) -> Tensor:
    """int64 with the bits of each lattice position three places apart."""
    bits = positions.long() + _HALF
    for shift, mask in _SPREADS:
        bits = (bits | (bits << shift)).bitwise_and_(mask)
    return bits


def pack(batch: Tensor, lattice: Tensor) -> Tensor:
    """Keys of lattice positions; no check, see :func:`check_range`.

    Args:
        batch: (N,) sample index, 0 to 511.
        lattice: (N, 3) integer positions, each coordinate divided by the stride.

    Returns:
        (N,) int64 keys.
    """
    x, y, z = spread(lattice.t().contiguous())
    return (batch.long() << 3 * AXIS_BITS) | x | (y << 1) | (z << 2)


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
