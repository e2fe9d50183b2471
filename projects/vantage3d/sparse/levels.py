"""Voxels of one stride, their order, and the family of levels that tensors share.

MinkowskiEngine calls a level a coordinate map, and a family a coordinate manager.

Worked example, one sample, one axis shown (y = z = 0)::

    stride 1   x = -3 -1  0  1  4      as given by the caller, rows keep that order
    stride 2   x = -4 -2  0  4         multiples of 2: floor(x / 2) * 2
    stride 4   x = -4  0  4            multiples of 4: floor(x / 4) * 4

Coordinates are always in units of the input voxel; -3 belongs to -4, not to -2:
division rounds down. A stride-2 convolution with kernel size 2 sums over offsets 0, 1
(in steps of the input stride), so its output at -4 sees inputs -4 and -3; with kernel
size 3 it sums over -1, 0, 1 and the output at -4 sees -5, -4 and -3. The transposed
convolution runs the same pairs backwards.

Rows of a strided level are in the order of their keys (see ``index``): by sample,
then along the Morton curve. The order depends on the coordinates alone.
"""

from functools import cached_property
from math import prod
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from .index import GridIndex, SortedIndex, check_range, pack

GRID_CELLS = 1 << 21
GRID_CELLS_PER_VOXEL = 128
GRID_CELLS_MOST = 1 << 28  # addresses are sums of up to four times this, in int32


class Level:
    """The voxels of one stride, stored sorted, presented in the caller's order.

    Args:
        coordinates: (N, 4) int32 [batch, x, y, z], multiples of ``stride``, unique.
        stride: Distance of neighbouring voxels in units of the input voxel.

    Attributes:
        keys: (N,) int64 ascending.
        order: (N,) stored row -> caller's row, or None where they are the same.
        plans: Kernel maps onto this level, by source level and kernel.

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
        self.coordinates = coordinates
        self.stride = stride
        self.keys = pack(coordinates[:, 0], lattice)
        self.order: Tensor | None = None
        self.plans: WeakKeyDictionary[Level, dict[Any, Any]] = WeakKeyDictionary()
        if bool((self.keys[1:] <= self.keys[:-1]).any()):
            self.keys, self.order = torch.sort(self.keys)
            same = self.keys[1:] == self.keys[:-1]
            if bool(same.any()):
                row = int(self.order[int(same.nonzero()[0])])
                raise ValueError(
                    f"Coordinates must be unique, got {coordinates[row].tolist()} more "
                    f"than once ({int(same.sum())} repeats). Use `voxelize` to average "
                    "points that fall into one voxel."
                )

    def __len__(self) -> int:
        return self.keys.shape[0]

    @cached_property
    def rank(self) -> Tensor | None:
        """(N,) caller's row -> stored row, or None where they are the same."""
        if self.order is None:
            return None
        with torch.inference_mode(False):  # kept: a gradient may need it later
            rank = torch.empty_like(self.order)
            rank[self.order] = torch.arange(len(self), device=rank.device)
        return rank

    @cached_property
    def sorted_coordinates(self) -> Tensor:
        """(N, 4) int32 coordinates in stored order."""
        return self.coordinates if self.order is None else self.coordinates[self.order]

    def make_index(self) -> GridIndex | SortedIndex:
        """Finds stored rows by lattice position; quick to make, large to keep.

        A grid where the box is not much larger than its voxels, else a search. Its
        ``find(batch, axes)`` takes the sample of N queries and three int64 (K, N)
        tensors of lattice positions along x, y, z; it returns (K**3, N) int32 rows, x
        fastest, -1 where there is no voxel.
        """
        if len(self) == 0:
            return SortedIndex(self.keys)
        at = self.sorted_coordinates
        bounds = torch.stack(torch.aminmax(at, dim=0)).tolist()
        box = [[row[0], *(value // self.stride for value in row[1:])] for row in bounds]
        cells = prod(high - low + 1 for low, high in zip(*box))
        most = max(GRID_CELLS, GRID_CELLS_PER_VOXEL * len(self))
        if cells > min(most, GRID_CELLS_MOST):
            return SortedIndex(self.keys)
        lattice = torch.div(at[:, 1:].long(), self.stride, rounding_mode="floor")
        return GridIndex(at[:, 0], lattice, box)

    def strided(self, factor: int) -> "Level":
        """The level of ``factor`` times this stride that covers these voxels."""
        stride = self.stride * factor
        at = self.sorted_coordinates
        if factor == 2:  # parents are neighbours along the curve
            parent = self.keys >> 3
            first = torch.ones_like(parent, dtype=torch.bool)
            torch.ne(parent[1:], parent[:-1], out=first[1:])
            at = at[first]
        coordinates = at.clone()
        coordinates[:, 1:].div_(stride, rounding_mode="floor").mul_(stride)
        if factor != 2:
            coordinates = torch.unique(coordinates, dim=0)
            level = Level(coordinates, stride)
            coordinates = level.sorted_coordinates
        return Level(coordinates, stride)


class Scratch:
    """Memory for intermediate results, handed out again and again.

    First use of fresh memory costs more than the arithmetic done in it.
    """

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}

    def take(self, name: str, shape: tuple[int, int], like: Tensor) -> Tensor:
        """Uninitialised (rows, columns), valid until ``name`` is taken again."""
        size = shape[0] * shape[1]
        buffer = self._buffers.get(name)
        if (
            buffer is None
            or buffer.numel() < size
            or buffer.dtype != like.dtype
            or buffer.device != like.device
        ):
            with torch.inference_mode(False):  # so that training may use it as well
                buffer = self._buffers[name] = like.new_empty(size)
        return buffer[:size].view(shape)


class Family:
    """What tensors derived from one another share: levels by stride, and memory.

    It lives exactly as long as one of those tensors does.
    """

    def __init__(self, level: Level) -> None:
        self.levels = {level.stride: level}
        self.scratch = Scratch()

    def strided(self, level: Level, factor: int) -> Level:
        """``level`` at ``factor`` times its stride, made once."""
        if factor == 1:
            return level
        stride = level.stride * factor
        if stride not in self.levels:
            self.levels[stride] = level.strided(factor)
        return self.levels[stride]
