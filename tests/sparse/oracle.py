"""Slow obvious sparse operations on dictionaries, for tests."""

import itertools

import torch
from torch import Tensor


def random_cloud(
    seed: int, count: int = 60, extent: int = 8, batches: int = 2, stride: int = 1
) -> Tensor:
    """(N, 4) unique unsorted int32 coordinates around the origin."""
    g = torch.Generator().manual_seed(seed)
    xyz = torch.randint(-extent, extent, (count, 3), generator=g) * stride
    batch = torch.randint(0, batches, (count, 1), generator=g)
    rows = torch.unique(torch.cat([batch, xyz], 1), dim=0)
    return rows[torch.randperm(len(rows), generator=g)].to(torch.int32)


def strided(coordinates: Tensor, stride: int) -> set[tuple[int, ...]]:
    """Coordinates of the level of ``stride`` as a set."""
    rows = coordinates.tolist()
    return {(b, *(c // stride * stride for c in xyz)) for b, *xyz in rows}


def offsets(size: int, corner: bool = False) -> list[tuple[int, int, int]]:
    """Kernel offsets, x fastest."""
    first = -(size // 2) if size % 2 and not corner else 0
    axis = range(first, first + size)
    return [(x, y, z) for z, y, x in itertools.product(axis, axis, axis)]


def neighbours(
    source: Tensor, target: Tensor, size: int, step: int, corner: bool = False
) -> list[list[tuple[int, int]]]:
    """Per target row the (offset index, source row) that exist."""
    index = {tuple(c): i for i, c in enumerate(source.tolist())}
    table = []
    for b, x, y, z in target.tolist():
        found = []
        for v, (i, j, k) in enumerate(offsets(size, corner)):
            row = index.get((b, x + i * step, y + j * step, z + k * step))
            if row is not None:
                found.append((v, row))
        table.append(found)
    return table


def convolve(
    feats: Tensor, source: Tensor, target: Tensor, kernel: Tensor, size: int, step: int
) -> Tensor:
    """Convolution by the definition."""
    rows = [torch.zeros(kernel.shape[-1], dtype=feats.dtype) for _ in target]
    for p, found in enumerate(neighbours(source, target, size, step)):
        for v, q in found:
            rows[p] = rows[p] + feats[q] @ kernel[v]
    return torch.stack(rows)


def transpose(
    feats: Tensor, source: Tensor, target: Tensor, kernel: Tensor, size: int, step: int
) -> Tensor:
    """Transposed convolution by the definition: fine = coarse + offset."""
    rows = [torch.zeros(kernel.shape[-1], dtype=feats.dtype) for _ in target]
    for q, found in enumerate(neighbours(target, source, size, step)):
        for v, p in found:
            rows[p] = rows[p] + feats[q] @ kernel[v]
    return torch.stack(rows)
