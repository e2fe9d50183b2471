"""Threads that each run whole pieces of work on one core.

Splitting every small operation over all cores costs a wait for the slowest core after
each of them; splitting the list of pieces costs one wait at the end.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Piece = TypeVar("Piece")

_pools: dict[int, ThreadPoolExecutor] = {}
if hasattr(os, "register_at_fork"):  # threads do not survive a fork
    os.register_at_fork(after_in_child=_pools.clear)


def _take_one_core() -> None:
    """Make every operation of this thread use one core.

    The first operation starts OpenMP threads that stay asleep. With more of them than
    cores, idle OpenMP threads stop spinning after 100 turns instead of 300 000 (libgomp
    manual, GOMP_SPINCOUNT), so they leave the cores to these threads.
    """
    torch.ones(1 << 18).add_(1)
    torch.set_num_threads(1)


def _pool() -> ThreadPoolExecutor:
    """As many threads as torch has, kept until that number changes."""
    count = torch.get_num_threads()
    if count not in _pools:
        for other in _pools.values():
            other.shutdown(wait=False)
        _pools.clear()
        # Each thread sets its own share of torch's threads; the number that later
        # threads start from is restored once all of these have done so.
        pool = ThreadPoolExecutor(count, "sparse", initializer=_take_one_core)
        started = threading.Barrier(count)
        list(pool.map(lambda _: started.wait(), range(count)))
        torch.set_num_threads(count)
        _pools[count] = pool
    return _pools[count]


def run_parts(
    work: Callable[[Piece], None], pieces: Sequence[Piece], threads: int
) -> None:
    """Call ``work`` for every piece, all at once, without recording gradients.

    A single piece goes to such a thread as well: many small products are several times
    slower where each of them is split over all cores.

    Args:
        work: Mostly operations that leave Python's interpreter lock alone.
        pieces: At most ``threads``.
        threads: 1 to work in the calling thread, else as many as torch has.
    """

    def run(piece: Piece) -> None:
        with torch.no_grad(), torch.jit.optimized_execution(False):
            work(piece)

    if threads == 1:
        for piece in pieces:
            run(piece)
    else:
        list(_pool().map(run, pieces))
