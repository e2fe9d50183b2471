"""Which rows of one level meet which rows of another, cut into blocks.

A plan lists, for every block of consecutive target rows, the pairs (source row, kernel
offset, target row), sorted by offset and then by target row::

    gather     source row of every pair: gathers the block's inputs in one step
    sizes      number of pairs of each offset: one matrix product each
    reduce     numbers of the pairs sorted by target row: sums products in one step

so that a block's intermediate results stay in the processor's cache.
"""

from bisect import bisect_left
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate, pairwise

import torch
from torch import Tensor

from .index import NOWHERE
from .levels import Level
from .packing import MARGIN

PAIRS_PER_BLOCK = 1 << 13
PAIRS_PER_BLOCK_CUDA = 1 << 21


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


@dataclass
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

    @cached_property
    def targets(self) -> Tensor:
        """(P,) int32 target row of every pair."""
        rows = torch.arange(
            self.start, self.stop, dtype=torch.int32, device=self.gather.device
        )
        rows = torch.repeat_interleave(rows, self.bounds.diff().long())
        return torch.empty_like(rows).index_copy_(0, self.reduce.long(), rows)


@dataclass(frozen=True)
class Part:
    """What one thread does: some whole blocks, or some offsets of the only block.

    Attributes:
        low: Where the part's room in the shared buffers begins.
        high: One past its end.
        starts: Per block the first target row.
        active: Per block the offsets.
        sizes: Per block the number of pairs of each offset.
        gather: Per block the source row of every pair.
        reduce: Per block as in :class:`Block`; empty for offsets of the only block,
            whose pairs are summed when all parts are done.
        bounds: As ``reduce``.
        blocks: The blocks.
    """

    low: int
    high: int
    starts: list[int]
    active: list[list[int]]
    sizes: list[list[int]]
    gather: list[Tensor]
    reduce: list[Tensor]
    bounds: list[Tensor]
    blocks: list[Block]

    def targets(self) -> list[Tensor]:
        """Per block the target row of every pair."""
        if self.bounds:
            return [block.targets for block in self.blocks]
        return [self.blocks[0].targets[self.low : self.high]]


def _part_of_blocks(blocks: list[Block], low: int) -> Part:
    return Part(
        low=low,
        high=low + max(len(block.gather) for block in blocks),
        starts=[block.start for block in blocks],
        active=[block.active for block in blocks],
        sizes=[block.sizes for block in blocks],
        gather=[block.gather for block in blocks],
        reduce=[block.reduce for block in blocks],
        bounds=[block.bounds for block in blocks],
        blocks=blocks,
    )


def _cut_offsets(block: Block, count: int) -> list[Part]:
    """The block's offsets in ``count`` runs of about equally many pairs."""
    ends = list(accumulate(block.sizes, initial=0))
    cuts = [bisect_left(ends, ends[-1] * i / count) for i in range(count)]
    cuts.append(len(block.sizes))
    return [
        Part(
            low=ends[first],
            high=ends[last],
            starts=[block.start],
            active=[block.active[first:last]],
            sizes=[block.sizes[first:last]],
            gather=[block.gather[ends[first] : ends[last]]],
            reduce=[],
            bounds=[],
            blocks=[block],
        )
        for first, last in pairwise(cuts)
        if last > first
    ]


@dataclass
class Plan:
    """All blocks of one kernel between two levels, in ascending target rows."""

    blocks: list[Block]
    _parts: dict[int, list[Part]] = field(default_factory=dict)

    def parts(self, threads: int) -> list[Part]:
        """The work of each thread; at most ``threads`` parts."""
        if threads not in self._parts:
            blocks = self.blocks
            if len(blocks) == 1 and threads > 1:
                self._parts[threads] = _cut_offsets(blocks[0], threads)
            else:
                parts, low = [], 0
                for number in range(min(threads, len(blocks))):
                    parts.append(_part_of_blocks(blocks[number::threads], low))
                    low = parts[-1].high
                self._parts[threads] = parts
        return self._parts[threads]


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


def _even_rows(count: int, blocks_per_row: float) -> int:
    """Rows of each further block, so that with the first one threads share evenly."""
    threads = torch.get_num_threads()
    blocks = max(1, round(count * blocks_per_row))
    blocks += -(blocks + 1) % threads
    return -(-count // blocks)


def build_plan(
    source: Level, target: Level, shape: KernelShape, inverse: bool = False
) -> Plan:
    """Pairs with source = target + offset, or target = source + offset (inverse).

    The first block's rows are a guess; the others' follow from its density.
    """
    device, count = target.keys.device, len(target)
    finder = Finder(source, target, shape, inverse)
    most = PAIRS_PER_BLOCK_CUDA if device.type == "cuda" else PAIRS_PER_BLOCK
    blocks: list[Block] = []
    rows, start = -(-2 * most // shape.volume), 0
    while start < count:
        stop = min(start + rows, count)
        if count - stop < rows // 2:
            stop = count
        blocks.append(_make_block(finder.find(start, stop), start))
        if start == 0:
            density = max(1.0, len(blocks[0].gather) / stop)
            rows = _even_rows(count - stop, density / most)
        start = stop
    return Plan(blocks)


def get_plan(
    source: Level, target: Level, shape: KernelShape, inverse: bool = False
) -> Plan:
    """The plan, built at most once while both levels live."""
    known = target.plans.setdefault(source, {})
    if (shape, inverse) not in known:
        known[shape, inverse] = build_plan(source, target, shape, inverse)
    return known[shape, inverse]
