"""Voxels of a whole world, of which a frame reads and changes those around it alone."""

import torch
from torch import Tensor

from vantage3d.sparse import SparseTensor

SIDE_BITS = 5  # a block is 32 voxels wide


class VoxelBlocks:
    """Features of voxels, in cubes of 32 x 32 x 32 that lie on a lattice.

    However large the world has grown, a frame costs what lies around it. Voxels are
    sorted along the curve of their keys (see ``vantage3d.sparse.index``), on which a
    block is a single piece.

    Args:
        x: The first voxels.
    """

    def __init__(self, x: SparseTensor) -> None:
        self.stride = x.stride
        self._blocks: dict[int, tuple[Tensor, Tensor]] = {}  # features, coordinates
        self._row: dict[int, int] = {}  # of a block in:
        self._corners = x.level.sorted_coordinates[:0]
        self.update(x, x)

    def __len__(self) -> int:
        return sum(len(features) for features, _ in self._blocks.values())

    @property
    def features(self) -> Tensor:
        """(N, C) of all voxels, sorted by key."""
        return torch.cat([self._blocks[key][0] for key in sorted(self._blocks)])

    @property
    def coordinates(self) -> Tensor:
        """(N, 4) int32 [scene, x, y, z]."""
        return torch.cat([self._blocks[key][1] for key in sorted(self._blocks)])

    def around(self, low: Tensor, high: Tensor) -> SparseTensor:
        """Voxels of the blocks that boxes touch; those in the boxes are all there.

        Args:
            low: (S, 3) smallest corner of the box of each scene, in input voxels.
            high: (S, 3) largest one, smaller than ``low`` without a box.
        """
        scenes, corners = self._corners[:, 0].long(), self._corners[:, 1:]
        known = scenes < len(low)
        scenes = scenes.clamp(max=len(low) - 1)
        last = corners + (self.stride << SIDE_BITS) - self.stride
        near = known & (corners <= high[scenes]).all(1) & (last >= low[scenes]).all(1)
        keys = list(self._row)
        parts = [self._blocks[keys[row]] for row in near.nonzero()[:, 0].tolist()]
        if not parts:
            features, coordinates = next(iter(self._blocks.values()))
            parts = [(features[:0], coordinates[:0])]
        features, coordinates = (torch.cat(of) for of in zip(*parts))
        return SparseTensor(features, coordinates, self.stride)

    def part(self, kept: Tensor) -> "VoxelBlocks":
        """The voxels where ``kept`` (N,) bool is true, in the order of features."""
        at = self.coordinates[kept]
        return VoxelBlocks(SparseTensor(self.features[kept], at, self.stride))

    def update(self, seen: SparseTensor, changed: SparseTensor) -> None:
        """Replace the blocks in which something changed.

        Args:
            seen: All voxels of these blocks; others may be there too.
            changed: Voxels in them.
        """
        keys, counts = torch.unique_consecutive(
            seen.level.keys >> 3 * SIDE_BITS, return_counts=True
        )
        touched = torch.isin(keys, changed.level.keys >> 3 * SIDE_BITS)
        coordinates = seen.level.sorted_coordinates
        ends = counts.cumsum(0)
        corners = coordinates[ends[touched] - 1].clone()
        side = self.stride << SIDE_BITS
        corners[:, 1:] = corners[:, 1:].div(side, rounding_mode="floor") * side
        new = []
        for row, (key, start, end) in enumerate(
            torch.stack([keys, ends - counts, ends], 1)[touched].tolist()
        ):
            # copies: a view would hold all that it was cut from
            cut = seen.rows[start:end], coordinates[start:end]
            self._blocks[key] = cut[0].clone(), cut[1].clone()
            if key not in self._row:
                self._row[key] = len(self._row)
                new.append(row)
        self._corners = torch.cat([self._corners, corners[new]])
