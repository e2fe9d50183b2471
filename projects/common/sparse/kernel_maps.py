"""Which input row meets which output row under which kernel offset."""

from dataclasses import dataclass

import torch
from torch import Tensor

from .levels import Level
from .packing import MARGIN, pack


@dataclass(frozen=True)
class KernelShape:
    """Extent of a kernel in lattice steps of its input.

    Offsets run x fastest. An odd size is centred, an even one starts at 0, and so does
    any size when ``corner`` is set (pooling over whole cells).
    """

    size: int
    dilation: int = 1
    corner: bool = False

    @property
    def volume(self) -> int:
        """Number of offsets."""
        return self.size**3

    def offsets(self, device: torch.device) -> Tensor:
        """(V, 3) int64 steps in x, y, z."""
        first = -(self.size // 2) if self.size % 2 and not self.corner else 0
        axis = torch.arange(first, first + self.size, device=device) * self.dilation
        z, y, x = torch.meshgrid(axis, axis, axis, indexing="ij")
        return torch.stack([x.flatten(), y.flatten(), z.flatten()], dim=1)


@dataclass(frozen=True)
class KernelMap:
    """Pairs of rows per offset, in stored order.

    Attributes:
        pairs: Per offset (input rows, output rows), int64, output rows ascending.
        num_in: Rows of the input level.
        num_out: Rows of the output level.
    """

    pairs: list[tuple[Tensor, Tensor]]
    num_in: int
    num_out: int

    def transposed(self) -> "KernelMap":
        """The same pairs with input and output exchanged."""
        swapped = [(out, source) for source, out in self.pairs]
        return KernelMap(swapped, self.num_out, self.num_in)


def build_kernel_map(source: Level, target: Level, shape: KernelShape) -> KernelMap:
    """Pairs with source = target + offset, offsets in steps of the source's stride."""
    if shape.size * shape.dilation >= MARGIN:
        raise ValueError(
            f"A kernel may reach less than {MARGIN} voxels, got size {shape.size} with "
            f"dilation {shape.dilation}."
        )
    at = target.sorted_coordinates
    base = torch.div(at[:, 1:], source.stride, rounding_mode="floor")
    pairs = []
    for offset in shape.offsets(at.device):
        found = source.find(pack(at[:, 0], base + offset))
        out = (found >= 0).nonzero()[:, 0]
        pairs.append((found[out], out))
    return KernelMap(pairs, len(source), len(target))


def kernel_map(source: Level, target: Level, shape: KernelShape) -> KernelMap:
    """The map of two levels, built at most once while both live."""
    known = target.kernel_maps.setdefault(source, {})
    if shape not in known:
        known[shape] = build_kernel_map(source, target, shape)
    return known[shape]
