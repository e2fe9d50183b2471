"""The inner loops of a convolution, run outside Python's interpreter lock.

They are plain torch code in the subset that TorchScript runs, so that several threads
can be in them at once and a call of a few microseconds does not pay for Python.
"""

import warnings
from typing import Any

import torch
from torch import Tensor


def _products(
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


def _multiply(
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
        _products(given, weights, active[i], sizes[i], made)
        sums = _reduce(made, reduce[i], bounds[i])
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
        pairs = gather[i].size(0)
        given = inputs[:pairs]
        made = grads[:pairs]
        torch.index_select(rows, 0, gather[i], out=given)
        torch.index_select(grad, 0, targets[i], out=made)
        sources = given.split(sizes[i])
        results = made.split(sizes[i])
        for j in range(len(active[i])):
            total = grad_weights[active[i][j]]
            if total.dtype == rows.dtype:
                total.addmm_(sources[j].t(), results[j])
            else:  # half precision, summed in single
                total.add_(torch.mm(sources[j].t(), results[j]))


def _script(loop: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(loop)


multiply_loop = _script(_multiply)
kernel_gradient_loop = _script(_kernel_gradient)
