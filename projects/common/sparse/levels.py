"""Sets of voxels at one stride, their order, and the family they share.

Worked example, one sample, one axis shown (y = z = 0)::

    stride 1   x = -3 -1  0  1  4      as given by the caller, rows keep that order
    stride 2   x = -4 -2  0  4         multiples of 2: floor(x / 2) * 2
    stride 4   x = -4  0  4            multiples of 4: floor(x / 4) * 4

Coordinates are always in units of the input voxel; -3 belongs to -4, not to -2:
division rounds down. A stride-2 convolution with kernel size 2 sums over offsets 0, 1
(in steps of the input stride), so its output at -4 sees inputs -4 and -3; with kernel
size 3 it sums over -1, 0, 1 and the output at -4 sees -5, -4 and -3. The transposed
convolution runs the same pairs backwards.

Rows of a strided level are in the order of their keys (see ``packing``): by sample,
then by cells of 16 lattice steps (x, y, z), then by x, y, z in the cell.
"""

from functools import cached_property
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from .packing import check_range, pack, unpack


class Level:
    """The voxels of one stride, stored sorted, presented in the caller's order.

    Args:
        coordinates: (N, 4) int32 [batch, x, y, z], multiples of ``stride``, unique.
        stride: Distance of neighbouring voxels in units of the input voxel.

    Attributes:
        keys: (N,) int64 ascending.
        order: (N,) stored row -> caller's row, or None where they are the same.
        kernel_maps: For each other level and kernel shape, the pairs that meet.

    Raises:
        ValueError: Coordinates out of range, repeated or off the stride's lattice.
    """

    def __init__(self, coordinates: Tensor, stride: int) -> None:
        lattice = torch.div(coordinates[:, 1:], stride, rounding_mode="floor")
        if stride > 1 and not torch.equal(lattice * stride, coordinates[:, 1:]):
            row = int((lattice * stride != coordinates[:, 1:]).any(1).nonzero()[0])
            raise ValueError(
                f"Coordinates must be multiples of the stride {stride}, got "
                f"{coordinates[row].tolist()} in row {row}."
            )
        check_range(coordinates[:, 0], lattice)
        keys = pack(coordinates[:, 0], lattice)
        self.coordinates = coordinates
        self.stride = stride
        self.order: Tensor | None = None
        self.keys = keys
        if bool((keys[1:] <= keys[:-1]).any()):
            self.keys, self.order = torch.sort(keys)
            self._check_unique()
        self.kernel_maps: WeakKeyDictionary[Level, dict[Any, Any]] = WeakKeyDictionary()

    def _check_unique(self) -> None:
        same = self.keys[1:] == self.keys[:-1]
        if self.order is not None and bool(same.any()):
            row = int(self.order[int(same.nonzero()[0])])
            raise ValueError(
                f"Coordinates must be unique, got {self.coordinates[row].tolist()} "
                f"more than once ({int(same.sum())} repeats). Use `voxelize` to "
                "average points that fall into one voxel."
            )

    @classmethod
    def from_keys(cls, keys: Tensor, stride: int) -> "Level":
        """Level of sorted unique keys; rows are in key order."""
        level = cls.__new__(cls)
        coordinates = unpack(keys)
        coordinates[:, 1:] *= stride
        level.coordinates, level.stride = coordinates, stride
        level.keys, level.order = keys, None
        level.kernel_maps = WeakKeyDictionary()
        return level

    def __len__(self) -> int:
        return self.keys.shape[0]

    @cached_property
    def rank(self) -> Tensor | None:
        """(N,) caller's row -> stored row, or None where they are the same."""
        if self.order is None:
            return None
        rank = torch.empty_like(self.order)
        rank[self.order] = torch.arange(len(self), device=rank.device)
        return rank

    @cached_property
    def sorted_coordinates(self) -> Tensor:
        """(N, 4) int32 coordinates in stored order."""
        return self.coordinates if self.order is None else self.coordinates[self.order]

    def find(self, keys: Tensor) -> Tensor:
        """Stored row of every key, -1 where the level has no such voxel."""
        if len(self) == 0:
            return torch.full_like(keys, -1)
        at = torch.searchsorted(self.keys, keys).clamp_(max=len(self) - 1)
        return torch.where(self.keys[at] == keys, at, -1)

    def strided(self, factor: int) -> "Level":
        """The level of ``factor`` times this stride that covers these voxels."""
        stride = self.stride * factor
        at = self.sorted_coordinates
        lattice = torch.div(at[:, 1:], stride, rounding_mode="floor")
        return Level.from_keys(torch.unique(pack(at[:, 0], lattice)), stride)


class Family:
    """The levels that tensors derived from one another share, by stride.

    It lives exactly as long as one of those tensors does.
    """

    def __init__(self, level: Level) -> None:
        self.levels = {level.stride: level}

    def strided(self, level: Level, factor: int) -> Level:
        """``level`` at ``factor`` times its stride, made once."""
        if factor == 1:
            return level
        stride = level.stride * factor
        if stride not in self.levels:
            self.levels[stride] = level.strided(factor)
        return self.levels[stride]
