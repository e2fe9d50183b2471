"""The inner loops of a convolution, and the threads that run them side by side.

The loops are plain torch code in the subset that TorchScript runs, outside Python's
interpreter lock, so that several threads can be in them at once and a call of a few
microseconds does not pay for Python. Each thread runs whole pieces of work on one core:
splitting every small operation over all cores costs a wait for the slowest core after
each of them; splitting the list of pieces costs one wait at the end.
"""

import os
import threading
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import torch
from torch import Tensor

Piece = TypeVar("Piece")


def _multiply(
    rows: Tensor,
    weights: list[Tensor],
    out: Tensor,
    inputs: Tensor,
    products: Tensor,
    multiple: int,
    starts: list[int],
    active: list[list[int]],
    sizes: list[list[int]],
    gather: list[Tensor],
    reduce: list[Tensor],
    bounds: list[Tensor],
) -> None:
    """Target rows of some blocks: gather, multiply by each offset's weight, sum.

    One launch gathers a whole block on a GPU. On a processor an offset's rows are
    gathered just before they are multiplied, and all in the same place: they are still
    in the cache. Every product has a ``multiple`` of rows; those too many hold anything
    and are written over by the next offset's.
    """
    for i in range(len(starts)):
        if rows.is_cuda:
            torch.index_select(rows, 0, gather[i], out=inputs[: gather[i].size(0)])
        chosen = gather[i].split(sizes[i])
        begin = 0
        for j in range(len(active[i])):
            size = sizes[i][j]
            count = (size + multiple - 1) // multiple * multiple
            first = 0
            if rows.is_cuda:
                first = begin
            else:
                torch.index_select(rows, 0, chosen[j], out=inputs[:size])
            torch.mm(
                inputs[first : first + count],
                weights[active[i][j]],
                out=products[begin : begin + count],
            )
            begin += size
        sums = torch.embedding_bag(
            products[:begin], reduce[i], bounds[i], False, 0, False, None, True
        )[0]
        out[starts[i] : starts[i] + sums.size(0)].copy_(sums)


def _kernel_gradient(
    rows: Tensor,
    grad: Tensor,
    grad_weights: list[Tensor],
    inputs: Tensor,
    grads: Tensor,
    active: list[list[int]],
    sizes: list[list[int]],
    gather: list[Tensor],
    targets: list[Tensor],
) -> None:
    """Add to the gradients of some offsets what the pairs of all blocks give."""
    for i in range(len(gather)):
        if rows.is_cuda:
            torch.index_select(rows, 0, gather[i], out=inputs[: gather[i].size(0)])
            torch.index_select(grad, 0, targets[i], out=grads[: gather[i].size(0)])
        from_rows = gather[i].split(sizes[i])
        from_grad = targets[i].split(sizes[i])
        begin = 0
        for j in range(len(active[i])):
            size = sizes[i][j]
            given = inputs[begin : begin + size]
            made = grads[begin : begin + size]
            if rows.is_cuda:
                begin += size
            else:
                torch.index_select(rows, 0, from_rows[j], out=given)
                torch.index_select(grad, 0, from_grad[j], out=made)
            total = grad_weights[active[i][j]]
            if total.dtype == rows.dtype:
                total.addmm_(given.t(), made)
            else:  # half precision, summed in single
                total.add_(torch.mm(given.t(), made))


def _script(loop: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(loop)


multiply = _script(_multiply)
kernel_gradient = _script(_kernel_gradient)

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
    """A pool of as many threads as torch has, kept until that number changes."""
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


def threads_for(tensor: Tensor) -> int:
    """Threads that share work on a tensor: torch's number, 1 on a GPU."""
    return torch.get_num_threads() if tensor.device.type == "cpu" else 1


def run_parts(
    work: Callable[[Piece], None], pieces: Sequence[Piece], threads: int
) -> None:
    """Call ``work`` for every piece, all at once, without recording gradients.

    Inference mode belongs to a thread: the others take on that of the caller, whose
    tensors they write to. Autocast they need not, nothing here asks for its dtypes.

    A single piece goes to such a thread as well: many small products are several times
    slower where each of them is split over all cores.

    Args:
        work: Mostly operations that leave Python's interpreter lock alone.
        pieces: At most ``threads``.
        threads: 1 to work in the calling thread, else as many as torch has.
    """
    inference = torch.is_inference_mode_enabled()

    def run(piece: Piece) -> None:
        with (
            torch.inference_mode(inference),
            torch.no_grad(),
            torch.jit.optimized_execution(False),
        ):
            work(piece)

    if threads == 1:
        for piece in pieces:
            run(piece)
    else:
        list(_pool().map(run, pieces))
