"""Sparse convolution of stored rows, with its gradients."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from .plans import Finder
from .routes import Route, forward, kernel_gradient, rows_gradient, sum_dtype

NARROW = 8  # input channels up to which one wide product per block is faster


def _wide_blocks(rows: Tensor, route: Route) -> Iterator[tuple[slice, Tensor]]:
    """Per block of targets: its slice and (B, V * Cin), absent neighbours zero."""
    channels, count = rows.shape[1], len(route.target)
    finder = Finder(route.source, route.target, route.shape, route.inverse)
    padded = torch.cat([rows.new_zeros((1, channels)), rows])
    size = max(1, (1 << 18) // finder.volume)
    for start in range(0, count, size):
        stop = min(start + size, count)
        found = finder.find(start, stop).t().add(1)
        wide = torch.index_select(padded, 0, found.flatten())
        yield slice(start, stop), wide.view(stop - start, -1)


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx, rows: Tensor, kernel: Tensor, route: Route) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(rows, kernel)
        ctx.route = route
        if kernel.shape[1] > NARROW:
            return forward(rows, kernel, route)
        out = rows.new_empty((len(route.target), kernel.shape[2]))
        for part, wide in _wide_blocks(rows, route):
            torch.mm(wide, kernel.flatten(0, 1), out=out[part])
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[no-untyped-def]
        rows, kernel = ctx.saved_tensors
        grad, grad_rows, grad_kernel = grad.contiguous(), None, None
        if ctx.needs_input_grad[0]:
            grad_rows = rows_gradient(grad, kernel, ctx.route)
        if ctx.needs_input_grad[1] and kernel.shape[1] <= NARROW:
            total = torch.zeros_like(kernel, dtype=sum_dtype(kernel))
            for part, wide in _wide_blocks(rows, ctx.route):
                total.flatten(0, 1).add_(wide.t() @ grad[part])
            grad_kernel = total.to(kernel.dtype)
        elif ctx.needs_input_grad[1]:
            grad_kernel = kernel_gradient(rows, grad, kernel, ctx.route)
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
