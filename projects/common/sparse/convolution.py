"""Sparse convolution of stored rows, with its gradients."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .levels import Level, Scratch
from .plans import Block, Finder, KernelShape, Plan, get_plan

NARROW = 8  # input channels up to which one wide product per block is faster
_SUM = 0  # embedding_bag's mode


@dataclass(frozen=True)
class Route:
    """A kernel from one level onto another.

    With ``inverse`` the kernel is the source's: target = source + offset.
    """

    source: Level
    target: Level
    shape: KernelShape
    scratch: Scratch
    inverse: bool = False

    def plan(self) -> Plan:
        """Pairs by target row."""
        return get_plan(self.source, self.target, self.shape, self.inverse)

    def backward(self) -> tuple[Plan, bool]:
        """Pairs by source row, and whether their offsets count from the last."""
        if self.source is self.target and self.shape.symmetric:
            return self.plan(), True
        swapped = replace(
            self, source=self.target, target=self.source, inverse=not self.inverse
        )
        return swapped.plan(), False


def _products(
    block: Block, gathered: Tensor, weights: list[Tensor], out: Tensor
) -> Tensor:
    """Rows of every pair times the matrix of its offset, summed per target row."""
    parts = zip(block.active, gathered.split(block.sizes), out.split(block.sizes))
    for offset, rows, result in parts:
        torch.mm(rows, weights[offset], out=result)
    return torch.embedding_bag(
        out, block.reduce, block.bounds, False, _SUM, False, None, True
    )[0]


def _forward(rows: Tensor, kernel: Tensor, route: Route) -> Tensor:
    plan, scratch = route.plan(), route.scratch
    out = rows.new_empty((plan.num_targets, kernel.shape[2]))
    inputs = scratch.take("inputs", (plan.most_pairs, kernel.shape[1]), rows)
    products = scratch.take("products", (plan.most_pairs, kernel.shape[2]), rows)
    weights = list(kernel.unbind(0))
    for block in plan.blocks:
        pairs = len(block.gather)
        gathered = torch.index_select(rows, 0, block.gather, out=inputs[:pairs])
        out[block.start : block.stop] = _products(
            block, gathered, weights, products[:pairs]
        )
    return out


def _backward(
    grad: Tensor,
    rows: Tensor,
    kernel: Tensor,
    route: Route,
    needs: tuple[bool, bool],
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of the rows and of the kernel, block by block of the source."""
    plan, reverse = route.backward()
    order = slice(None, None, -1) if reverse else slice(None)
    scratch = route.scratch
    grads = scratch.take("products", (plan.most_pairs, kernel.shape[2]), grad)
    inputs = scratch.take("inputs", (plan.most_pairs, kernel.shape[1]), grad)
    grad_rows = torch.empty_like(rows) if needs[0] else None
    grad_kernel = torch.zeros_like(kernel) if needs[1] else None
    weights = list(kernel.transpose(1, 2).unbind(0))[order]
    for block in plan.blocks:
        pairs = len(block.gather)
        gathered = torch.index_select(grad, 0, block.gather, out=grads[:pairs])
        if grad_kernel is not None:
            torch.index_select(rows, 0, block.targets(), out=inputs[:pairs])
            parts = gathered.split(block.sizes), inputs[:pairs].split(block.sizes)
            sums = list(grad_kernel.unbind(0))[order]
            for offset, part, given in zip(block.active, *parts):
                sums[offset].addmm_(given.t(), part)
        if grad_rows is not None:
            grad_rows[block.start : block.stop] = _products(
                block, gathered, weights, inputs[:pairs]
            )
    return grad_rows, grad_kernel


def _wide_blocks(rows: Tensor, route: Route):  # type: ignore[no-untyped-def]
    """Per block of targets: its slice and (B, V * Cin), absent neighbours zero."""
    channels, count = rows.shape[1], len(route.target)
    finder = Finder(route.source, route.target, route.shape, route.inverse)
    padded = torch.cat([rows.new_zeros((1, channels)), rows])
    size = max(1, (1 << 18) // finder.volume)
    for start in range(0, count, size):
        stop = min(start + size, count)
        found = finder.find(start, stop).add_(1)
        wide = torch.index_select(padded, 0, found.flatten())
        yield slice(start, stop), wide.view(stop - start, -1)


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows: Tensor, kernel: Tensor, route: Route) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(rows, kernel)
        ctx.route = route
        if kernel.shape[1] > NARROW:
            return _forward(rows, kernel, route)
        out = rows.new_empty((len(route.target), kernel.shape[2]))
        for part, wide in _wide_blocks(rows, route):
            torch.mm(wide, kernel.flatten(0, 1), out=out[part])
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[no-untyped-def]
        rows, kernel = ctx.saved_tensors
        need_rows, need_kernel = ctx.needs_input_grad[:2]
        grad_kernel = None
        grad = grad.contiguous()
        if need_kernel and kernel.shape[1] <= NARROW:
            grad_kernel = torch.zeros_like(kernel)
            for part, wide in _wide_blocks(rows, ctx.route):
                grad_kernel.flatten(0, 1).addmm_(wide.t(), grad[part])
            need_kernel = False
        grad_rows = None
        if need_rows or need_kernel:
            grad_rows, other = _backward(
                grad, rows, kernel, ctx.route, (need_rows, need_kernel)
            )
            grad_kernel = other if need_kernel else grad_kernel
        return grad_rows, grad_kernel, None


def convolve(rows: Tensor, kernel: Tensor, route: Route) -> Tensor:
    """Sparse convolution in stored order.

    Args:
        rows: (N, Cin) of the route's source.
        kernel: (V, Cin, Cout).
        route: From which voxels to which, under which kernel.

    Returns:
        (N', Cout) of the route's target; autocast's dtype under autocast, else that of
        ``rows``.
    """
    if torch.is_autocast_enabled(rows.device.type):
        dtype = torch.get_autocast_dtype(rows.device.type)
        rows, kernel = rows.to(dtype), kernel.to(dtype)
    return _Convolve.apply(rows.contiguous(), kernel, route)
