"""The inner loops of a convolution, run outside Python's interpreter lock.

They are plain torch code in the subset that TorchScript runs, so that several threads
can be in them at once and a call of a few microseconds does not pay for Python.
"""

import warnings
from typing import Any

import torch
from torch import Tensor


def _multiply(
    given: Tensor,
    weights: list[Tensor],
    active: list[int],
    sizes: list[int],
    made: Tensor,
) -> None:
    """made = given @ weight, for each offset's rows its own weight."""
    sources = given.split(sizes)
    results = made.split(sizes)
    for i in range(len(active)):
        torch.mm(sources[i], weights[active[i]], out=results[i])


def _reduce(made: Tensor, reduce: Tensor, bounds: Tensor) -> Tensor:
    """Sums of the pairs of each target row."""
    return torch.embedding_bag(made, reduce, bounds, False, 0, False, None, True)[0]


def _forward(
    rows: Tensor,
    weights: list[Tensor],
    out: Tensor,
    inputs: Tensor,
    products: Tensor,
    starts: list[int],
    active: list[list[int]],
    sizes: list[list[int]],
    gather: list[Tensor],
    reduce: list[Tensor],
    bounds: list[Tensor],
) -> None:
    """Target rows of some blocks."""
    for i in range(len(starts)):
        pairs = gather[i].size(0)
        given = inputs[:pairs]
        made = products[:pairs]
        torch.index_select(rows, 0, gather[i], out=given)
        _multiply(given, weights, active[i], sizes[i], made)
        sums = _reduce(made, reduce[i], bounds[i])
        out[starts[i] : starts[i] + sums.size(0)].copy_(sums)


def _backward(
    grad: Tensor,
    rows: Tensor,
    weights: list[Tensor],
    grad_rows: Tensor,
    grad_weights: list[Tensor],
    grads: Tensor,
    inputs: Tensor,
    starts: list[int],
    active: list[list[int]],
    sizes: list[list[int]],
    gather: list[Tensor],
    targets: list[Tensor],
    reduce: list[Tensor],
    bounds: list[Tensor],
) -> None:
    """Gradients of blocks of source rows; empty lists of weights skip their part."""
    for i in range(len(starts)):
        pairs = gather[i].size(0)
        given = grads[:pairs]
        made = inputs[:pairs]
        torch.index_select(grad, 0, gather[i], out=given)
        if len(grad_weights) > 0:
            torch.index_select(rows, 0, targets[i], out=made)
            taken = made.split(sizes[i])
            sources = given.split(sizes[i])
            for j in range(len(active[i])):
                grad_weights[active[i][j]].addmm_(taken[j].t(), sources[j])
        if len(weights) > 0:
            _multiply(given, weights, active[i], sizes[i], made)
            sums = _reduce(made, reduce[i], bounds[i])
            grad_rows[starts[i] : starts[i] + sums.size(0)].copy_(sums)


def _script(loop: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(loop)


forward_loop = _script(_forward)
backward_loop = _script(_backward)
