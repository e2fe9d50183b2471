"""Between tensors on different voxels: rows at positions, unions, parts.

Voxels are found by their keys (see ``index``): exactly, without a grid in memory, and
without a coordinate map that both tensors would have to share.
"""

import torch
from torch import Tensor
from torch.nn.functional import embedding_bag, pad

from .index import check_range, pack
from .tensor import SparseTensor, check_coordinates


def rows_at(x: SparseTensor, coordinates: Tensor) -> Tensor:
    """Where voxels are among those of a tensor.

    Args:
        x: The tensor.
        coordinates: (M, 4) integer [batch, x, y, z] in input voxels, in any order,
            repeats allowed.

    Returns:
        (M,) int64 rows of ``x.features``; -1 where ``x`` has no such voxel, which is so
        for all that are no multiples of its stride.

    Raises:
        ValueError: Wrong shape, or far-out coordinates.
        TypeError: Wrong dtype.
    """
    rows = _stored_rows(x, coordinates)
    order = x.level.order
    return rows if order is None else torch.where(rows < 0, -1, order[rows])


def features_at(x: SparseTensor, coordinates: Tensor) -> Tensor:
    """(M, C) features of ``x`` at voxels, zero where it has none.

    Gradients flow to the features. Arguments and errors are those of :func:`rows_at`;
    :func:`interpolate` takes points between voxels.
    """
    rows = _stored_rows(x, coordinates)
    return pad(x.rows, (0, 0, 0, 1))[rows]  # -1 is the last row, of zeros


def maximum(a: SparseTensor, b: SparseTensor) -> SparseTensor:
    """The voxels of both tensors, with the larger of both features where both have one.

    Rows are in key order. Where features are equal, the gradient goes to one of them.

    Raises:
        ValueError: If strides or channels differ.
    """
    if a.stride != b.stride or a.rows.shape[1] != b.rows.shape[1]:
        raise ValueError(f"Strides and channels must be equal, got {a} and {b}.")
    keys, order = torch.sort(torch.cat([a.level.keys, b.level.keys]), stable=True)
    first = torch.ones_like(keys, dtype=torch.bool)
    torch.ne(keys[1:], keys[:-1], out=first[1:])
    starts = first.nonzero()[:, 0]
    rows = torch.cat([a.rows, b.rows])
    if len(rows):
        rows = embedding_bag(order, rows, starts, mode="max")
    at = torch.cat([a.level.sorted_coordinates, b.level.sorted_coordinates])
    return SparseTensor(rows, at[order[starts]], a.stride)


def part_of(x: SparseTensor, kept: Tensor) -> SparseTensor:
    """The voxels of ``x`` where ``kept`` (N,) bool is true, in their order."""
    return SparseTensor(x.features[kept], x.coordinates[kept], x.stride)


def _stored_rows(x: SparseTensor, coordinates: Tensor) -> Tensor:
    """(M,) int64 rows in stored order, -1 where there is no voxel."""
    coordinates = check_coordinates(coordinates)
    lattice = torch.div(coordinates[:, 1:], x.stride, rounding_mode="floor")
    check_range(coordinates[:, 0], lattice)
    known = x.level.keys
    if len(known) == 0:
        return coordinates.new_full((len(coordinates),), -1, dtype=torch.int64)
    keys = pack(coordinates[:, 0], lattice)
    rows = torch.searchsorted(known, keys).clamp_(max=len(known) - 1)
    found = (known[rows] == keys) & (lattice * x.stride == coordinates[:, 1:]).all(1)
    return torch.where(found, rows, -1)
