"""Keys of voxels, and finding a voxel's row by its position.

A key packs a lattice position into one sortable int64: 9 bits of batch above the bits
of x, y and z interleaved (Morton or Z order, x lowest). Sorting keys sorts voxels by
sample and then along a curve on which neighbours in space are close, at every scale;
the three lowest bits are a voxel's place in its 2 x 2 x 2 parent, x fastest.

Both indexes answer the same question for a box of positions around every query: given
per axis K positions for each of N queries, the rows of all K x K x K combinations. The
address of a voxel is a sum of one part per axis, so a combination costs two additions.
"""

import torch
from torch import Tensor

AXIS_BITS = 18
MAX_BATCH = 1 << 9
MARGIN = 256  # lattice steps that a kernel may reach past a voxel
LIMIT = (1 << (AXIS_BITS - 1)) - MARGIN
NOWHERE = 1 << 20  # a position that no voxel has
_MISSING = 1 << 60  # an address part that no voxel's address reaches
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


def _combine(base: Tensor, parts: list[Tensor]) -> Tensor:
    """(Kz * Ky * Kx, N) sums of the parts (K, N) of x, y, z, x fastest."""
    x, y, z = parts
    total = (base + z)[:, None] + y
    return (total[:, :, None] + x).flatten(0, 2)


class GridIndex:
    """Rows in a dense grid over the bounding box of all samples.

    Args:
        batch: (N,) sample of every voxel, in stored order.
        lattice: (N, 3) positions.
        box: [[lowest batch, x, y, z], [highest batch, x, y, z]].
    """

    def __init__(self, batch: Tensor, lattice: Tensor, box: list[list[int]]) -> None:
        (self._batch_low, *self._low), (_, *self._high) = box
        extent = [high - low + 1 for low, high in zip(self._low, self._high)]
        self._steps = [1, extent[0], extent[0] * extent[1]]
        self._volume = extent[0] * extent[1] * extent[2]
        self._cells = (box[1][0] - box[0][0] + 1) * self._volume
        self._rows = torch.full(
            (self._cells + 1,), -1, dtype=torch.int32, device=batch.device
        )
        parts = [self._part(lattice[None, :, axis], axis) for axis in range(3)]
        address = _combine(self._base(batch), parts)
        self._rows[address[0].long()] = torch.arange(
            len(batch), dtype=torch.int32, device=batch.device
        )

    def _base(self, batch: Tensor) -> Tensor:
        """Start of each sample's grid; past the end where there is no such sample."""
        base = (batch.long() - self._batch_low) * self._volume
        outside = (base < 0) | (base >= self._cells)
        return base.masked_fill_(outside, self._cells).to(torch.int32)

    def _part(self, positions: Tensor, axis: int) -> Tensor:
        low, high = self._low[axis], self._high[axis]
        part = (positions - low) * self._steps[axis]
        outside = (positions < low) | (positions > high)
        return part.masked_fill_(outside, self._cells).to(torch.int32)

    def find(self, batch: Tensor, axes: list[Tensor]) -> Tensor:
        """See :meth:`Level.make_index`."""
        parts = [self._part(axes[axis], axis) for axis in range(3)]
        address = _combine(self._base(batch), parts).clamp_(max=self._cells)
        return torch.index_select(self._rows, 0, address.flatten()).view_as(address)


class SortedIndex:
    """Rows by binary search in the ascending keys.

    Args:
        keys: (N,) int64 ascending.
    """

    def __init__(self, keys: Tensor) -> None:
        self._keys = keys

    def find(self, batch: Tensor, axes: list[Tensor]) -> Tensor:
        """See :meth:`Level.make_index`."""
        parts = []
        for axis, positions in enumerate(axes):
            outside = positions.abs() >= 1 << (AXIS_BITS - 1)
            part = spread(positions.masked_fill(outside, 0)) << axis
            parts.append(part.masked_fill_(outside, _MISSING))
        keys = _combine(batch.long() << 3 * AXIS_BITS, parts)
        if len(self._keys) == 0:
            return torch.full_like(keys, -1, dtype=torch.int32)
        at = torch.searchsorted(self._keys, keys, out_int32=True)
        at.clamp_(max=len(self._keys) - 1)
        found = torch.index_select(self._keys, 0, at.flatten()).view_as(at) == keys
        return torch.where(found, at, -1)
