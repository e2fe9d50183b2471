"""Which rows of one level meet which rows of another: kernel maps, cut into blocks.

A plan, MinkowskiEngine's kernel map, lists for every block of consecutive target rows
the pairs (source row, kernel offset, target row), by offset and then by target row::

    gather     source row of every pair: gathers an offset's inputs in one step
    sizes      number of pairs of each offset: one matrix product each
    reduce     numbers of the pairs sorted by target row: sums products in one step

so that a block's intermediate results stay in the processor's cache.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from . import loops
from .index import MARGIN, NOWHERE
from .levels import Level

PAIRS_PER_BLOCK = 8192  # fewer make products too small, more leave the cache
PAIRS_PER_BLOCK_HALF = 32768  # oneDNN lays a weight out anew for every product
SLACK = 32  # rows of a part's room beyond its pairs
PAIRS_PER_THREAD = 512  # fewer are not worth another thread
MOST_PAIRS_CUDA = 1 << 21
LOOKUPS = 1 << 18  # positions looked up at once


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
    """One thread's share of a plan.

    Attributes:
        low: Where the part's room in the shared buffers begins.
        high: One past its end.
        lists: What its loop in ``loops`` takes, a list over the blocks for each.
    """

    low: int
    high: int
    lists: tuple[list[Any], ...]


def _place(shares: Iterable[tuple[int, tuple[list[Any], ...]]]) -> list[Part]:
    """Parts side by side in the buffers, each of so many pairs at most, and slack."""
    parts: list[Part] = []
    for pairs, lists in shares:
        low = parts[-1].high if parts else 0
        parts.append(Part(low, low + pairs + SLACK, lists))
    return parts


class Plan:
    """A kernel map: all blocks of one kernel between two levels, by target rows."""

    def __init__(self, blocks: list[Block], volume: int) -> None:
        self.blocks = blocks
        self.volume = volume
        self._row_parts: dict[int, list[Part]] = {}
        self._offset_parts: dict[int, list[Part]] = {}

    def row_parts(self, threads: int) -> list[Part]:
        """Every ``threads``-th block to each thread: for ``loops.multiply``."""
        if threads not in self._row_parts:
            count = min(threads, len(self.blocks))
            shares = [self.blocks[number::threads] for number in range(count)]
            names = ("start", "active", "sizes", "gather", "reduce", "bounds")
            self._row_parts[threads] = _place(
                (
                    max(len(block.gather) for block in blocks),
                    tuple([getattr(block, name) for block in blocks] for name in names),
                )
                for blocks in shares
            )
        return self._row_parts[threads]

    def offset_parts(self, threads: int) -> list[Part]:
        """Runs of offsets of like numbers of pairs: for ``loops.kernel_gradient``."""
        if threads not in self._offset_parts:
            totals = [0] * self.volume
            for block in self.blocks:
                for offset, size in zip(block.active, block.sizes):
                    totals[offset] += size
            ends, cuts = list(accumulate(totals)), [0]
            count = min(threads, len(self.blocks))
            for number in range(1, count):
                wanted = ends[-1] * number / count
                cut = bisect_left(ends, wanted)
                before = ends[cut - 1] if cut else 0
                cuts.append(cut + int(ends[cut] - wanted < wanted - before))
            runs = [(a, b) for a, b in pairwise([*cuts, self.volume]) if b > a]
            self._offset_parts[threads] = _place(self._cut(*run) for run in runs)
        return self._offset_parts[threads]

    def _cut(self, first: int, last: int) -> tuple[int, tuple[list[Any], ...]]:
        """Offsets ``first`` to ``last``: most pairs of a block, and the lists."""
        cuts = []
        for block in self.blocks:
            a, b = bisect_left(block.active, first), bisect_left(block.active, last)
            start, count = sum(block.sizes[:a]), sum(block.sizes[a:b])
            cuts.append((block, slice(a, b), slice(start, start + count)))
        return max(pairs.stop - pairs.start for _, _, pairs in cuts), (
            [block.active[offsets] for block, offsets, _ in cuts],
            [block.sizes[offsets] for block, offsets, _ in cuts],
            [block.gather[pairs] for block, _, pairs in cuts],
            [block.targets[pairs] for block, _, pairs in cuts],
        )


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
        self._at, self._stride, self.volume = at, source.stride, shape.volume
        self._index = source.make_index()

    def find(self, start: int, stop: int) -> Tensor:
        """(V, stop - start) int32 source rows, -1 where there is none."""
        at = self._at[start:stop]
        stride = self._stride
        axes = []
        for axis in range(3):
            positions = at[:, axis + 1].long() + self._steps[:, None]
            lattice = positions
            if stride > 1:
                lattice = torch.div(positions, stride, rounding_mode="floor")
                lattice.masked_fill_(lattice * stride != positions, NOWHERE)
            axes.append(lattice)
        return self._index.find(at[:, 0], axes)


def _make_blocks(found: Tensor, rows: int, start: int) -> list[Block]:
    """Blocks of ``rows`` target rows from ``found`` (V, N), pairs sorted both ways."""
    volume, count = found.shape
    number = -(-count // rows)
    padded = pad(found, (0, number * rows - count), value=-1)
    cells = padded.view(volume, number, rows).transpose(0, 1).contiguous()
    by_offset = cells >= 0
    by_row = by_offset.transpose(1, 2).contiguous()
    sizes = by_offset.sum(2)
    totals = sizes.sum(1)
    before = (totals.cumsum(0) - totals + 1).to(torch.int32)
    pair = torch.cumsum(by_offset.flatten(), 0, dtype=torch.int32).view_as(cells)
    pair -= before[:, None, None]
    bounds = pad(torch.cumsum(by_row.sum(2), 1, dtype=torch.int32), (1, 0))
    pairs = totals.tolist()
    gather = cells.masked_select(by_offset).split(pairs)
    reduce = pair.transpose(1, 2).masked_select(by_row).split(pairs)
    blocks = []
    for i, counts in enumerate(sizes.tolist()):
        active = [offset for offset, size in enumerate(counts) if size]
        low, high = i * rows, min((i + 1) * rows, count)
        block = Block(
            start=start + low,
            stop=start + high,
            active=active,
            sizes=[counts[offset] for offset in active],
            gather=gather[i],
            reduce=reduce[i],
            bounds=bounds[i, : high - low + 1],
        )
        blocks.append(block)
    return blocks


def _rows_per_block(found: Tensor, count: int, most: int, threads: int) -> int:
    """Rows of a block for ``count`` rows as dense as ``found``, shared evenly."""
    pairs = int((found >= 0).sum()) / found.shape[1] * count
    if found.device.type == "cuda":
        return -(-count // max(1, round(pairs / MOST_PAIRS_CUDA)))
    threads = max(1, min(threads, int(pairs / PAIRS_PER_THREAD)))
    blocks = max(1, round(pairs / most))
    return -(-count // (blocks + -blocks % threads))


def _blocks(finder: Finder, count: int, most: int, threads: int) -> list[Block]:
    """Blocks of ``count`` target rows, for so many threads."""
    step = min(max(1, LOOKUPS // finder.volume), count)
    found = finder.find(0, step)
    rows = min(_rows_per_block(found, count, most, threads), step)
    step -= step % rows
    blocks = _make_blocks(found[:, :step], rows, 0)
    for start in range(step, count, step):
        found = finder.find(start, min(start + step, count))
        blocks += _make_blocks(found, rows, start)
    return blocks


def build_plan(
    source: Level,
    target: Level,
    shape: KernelShape,
    inverse: bool = False,
    half: bool = False,
) -> Plan:
    """Pairs with source = target + offset, or target = source + offset (inverse).

    On a processor one core does it: two need twice as long for operations so small.

    Args:
        source: Where rows come from.
        target: Where they go to.
        shape: The kernel.
        inverse: Whether the kernel is the source's.
        half: Cut blocks for products in half precision on a processor.
    """
    blocks: list[Block] = []
    if (count := len(target)) > 0:
        threads = loops.threads_for(target.keys)
        most = PAIRS_PER_BLOCK_HALF if half else PAIRS_PER_BLOCK

        def run(shape: KernelShape) -> None:
            finder = Finder(source, target, shape, inverse)
            blocks.extend(_blocks(finder, count, most, threads))

        loops.run_parts(run, [shape], threads)
    return Plan(blocks, shape.volume)
