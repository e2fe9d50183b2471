"""Which rows of one level meet which rows of another, cut into blocks.

A plan lists, for every block of consecutive target rows, the pairs (source row, kernel
offset, target row), sorted by offset and then by target row::

    gather     source row of every pair: gathers the block's inputs in one step
    sizes      number of pairs of each offset: one matrix product each
    reduce     numbers of the pairs sorted by target row: sums products in one step

so that a block's intermediate results stay in the processor's cache.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from .index import NOWHERE
from .levels import Level
from .packing import MARGIN

PAIRS_PER_BLOCK = 1 << 14
PAIRS_PER_BLOCK_CUDA = 1 << 21
_PROBES = 512


@dataclass(frozen=True)
class KernelShape:
    """Extent of a kernel in lattice steps of the finer level.

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

    @property
    def symmetric(self) -> bool:
        """Whether every offset's opposite is an offset too."""
        return self.size % 2 == 1 and not self.corner

    def steps(self, device: torch.device) -> Tensor:
        """(size,) int64 offsets along one axis, in lattice steps."""
        first = -(self.size // 2) if self.symmetric else 0
        steps = torch.arange(first, first + self.size, device=device)
        return steps * self.dilation


@dataclass(frozen=True)
class Block:
    """Pairs of the target rows ``start`` to ``stop``; P pairs, B rows.

    Attributes:
        start: First target row.
        stop: One past the last target row.
        active: Offsets that have pairs.
        sizes: Number of pairs of each active offset.
        gather: (P,) int32 source row of every pair.
        reduce: (P,) int32 pair numbers, by target row.
        bounds: (B + 1,) int32, target row -> its part of ``reduce``.
    """

    start: int
    stop: int
    active: list[int]
    sizes: list[int]
    gather: Tensor
    reduce: Tensor
    bounds: Tensor

    def targets(self) -> Tensor:
        """(P,) int32 target row of every pair."""
        rows = torch.arange(
            self.start, self.stop, dtype=torch.int32, device=self.gather.device
        )
        rows = torch.repeat_interleave(rows, self.bounds.diff().long())
        return torch.empty_like(rows).index_copy_(0, self.reduce.long(), rows)


@dataclass(frozen=True)
class Plan:
    """All blocks of one kernel between two levels.

    Attributes:
        blocks: In ascending target rows.
        num_targets: Rows of the result.
        most_pairs: Pairs of the largest block.
    """

    blocks: list[Block]
    num_targets: int
    most_pairs: int


class Finder:
    """Answers for target rows which source rows lie under the kernel's offsets.

    With ``inverse`` the kernel is the source's: target = source + offset. That is the
    transposed convolution, and the gradient of a convolution.
    """

    def __init__(
        self, source: Level, target: Level, shape: KernelShape, inverse: bool
    ) -> None:
        reach = shape.size * shape.dilation
        if reach >= MARGIN:
            raise ValueError(
                f"A kernel may reach less than {MARGIN} voxels, got size {shape.size} "
                f"with dilation {shape.dilation}."
            )
        at = target.sorted_coordinates
        steps = shape.steps(at.device)
        self._steps = -steps * target.stride if inverse else steps * source.stride
        self._at, self._source, self.volume = at, source, shape.volume

    def find(self, start: int, stop: int) -> Tensor:
        """(stop - start, V) int32 source rows, -1 where there is none."""
        at = self._at[start:stop]
        stride = self._source.stride
        axes = []
        for axis in range(3):
            positions = at[:, axis + 1, None].long() + self._steps
            lattice = positions
            if stride > 1:
                lattice = torch.div(positions, stride, rounding_mode="floor")
                lattice.masked_fill_(lattice * stride != positions, NOWHERE)
            axes.append(lattice)
        return self._source.index.find(at[:, 0], axes).view(-1, self.volume)


def _make_block(found: Tensor, start: int) -> Block:
    """Sort the pairs of ``found`` (B, V) both ways."""
    by_offset = found.t().contiguous()
    present = by_offset >= 0
    number = torch.cumsum(present.flatten(), 0, dtype=torch.int32).sub_(1)
    by_row = found >= 0
    ends = torch.cumsum(by_row.sum(1), 0, dtype=torch.int32)
    sizes = present.sum(1).tolist()
    active = [offset for offset, size in enumerate(sizes) if size]
    return Block(
        start=start,
        stop=start + len(found),
        active=active,
        sizes=[sizes[offset] for offset in active],
        gather=by_offset[present],
        reduce=number.view_as(present).t()[by_row],
        bounds=torch.nn.functional.pad(ends, (1, 0)),
    )


def _rows_per_block(finder: Finder, count: int, device: torch.device) -> int:
    """Rows that hold about ``PAIRS_PER_BLOCK`` pairs, judged by evenly spread rows."""
    pairs = PAIRS_PER_BLOCK_CUDA if device.type == "cuda" else PAIRS_PER_BLOCK
    piece = min(count, _PROBES)
    starts = {0, max(0, count // 2 - piece // 2), count - piece}
    found = sum(int((finder.find(s, s + piece) >= 0).sum()) for s in starts)
    density = max(1.0, found / (piece * len(starts)))
    blocks = max(1, round(count * density / pairs))
    return -(-count // blocks)


def build_plan(
    source: Level, target: Level, shape: KernelShape, inverse: bool = False
) -> Plan:
    """Pairs with source = target + offset, or target = source + offset (inverse)."""
    count = len(target)
    if count == 0:
        return Plan([], 0, 0)
    finder = Finder(source, target, shape, inverse)
    rows = _rows_per_block(finder, count, target.keys.device)
    blocks = [
        _make_block(finder.find(start, min(start + rows, count)), start)
        for start in range(0, count, rows)
    ]
    return Plan(blocks, count, max(len(block.gather) for block in blocks))


def get_plan(
    source: Level, target: Level, shape: KernelShape, inverse: bool = False
) -> Plan:
    """The plan, built at most once while both levels live."""
    known = target.plans.setdefault(source, {})
    if (shape, inverse) not in known:
        known[shape, inverse] = build_plan(source, target, shape, inverse)
    return known[shape, inverse]
