"""Sparse convolution of stored rows from one level onto another, with its gradients."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from . import loops
from .levels import Level, Scratch
from .plans import SLACK, Finder, KernelShape, Part, Plan, build_plan

NARROW = 8  # input channels up to which one wide product per block is faster


@dataclass(frozen=True)
class Route:
    """A kernel from one level onto another: what a kernel map is looked up by.

    With ``inverse`` the kernel is the source's: target = source + offset.
    """

    source: Level
    target: Level
    shape: KernelShape
    scratch: Scratch
    inverse: bool = False

    def plan(self, half: bool = False) -> Plan:
        """Pairs by target row, listed at most once while both levels live.

        Args:
            half: Blocks for products in half precision on a processor.
        """
        known = self.target.plans.setdefault(self.source, {})
        kernel = self.shape, self.inverse, half
        if kernel not in known:
            known[kernel] = build_plan(self.source, self.target, *kernel)
        return known[kernel]

    def transposed(self, half: bool = False) -> tuple[Plan, bool]:
        """Pairs by source row, and whether their offsets count from the last."""
        if self.source is self.target and self.shape.symmetric:
            return self.plan(half), True
        swapped = replace(
            self, source=self.target, target=self.source, inverse=not self.inverse
        )
        return swapped.plan(half), False


def _half(rows: Tensor) -> bool:
    return rows.dtype == torch.bfloat16 and rows.device.type == "cpu"


def _multiply(
    rows: Tensor, weights: list[Tensor], plan: Plan, out: Tensor, scratch: Scratch
) -> Tensor:
    """out[target] = sum over the plan's pairs of rows[source] @ weights[offset]."""
    parts = plan.row_parts(loops.threads_for(rows))
    if not parts:
        return out.zero_()
    # oneDNN compiles a product of half precision for its very size, and keeps 1024
    multiple = SLACK if _half(rows) else 1
    inputs = scratch.take("inputs", (parts[-1].high, rows.shape[1]), rows)
    products = scratch.take("products", (parts[-1].high, out.shape[1]), rows)

    def run(part: Part) -> None:
        room = slice(part.low, part.high)
        buffers = inputs[room], products[room]
        loops.multiply(rows, weights, out, *buffers, multiple, *part.lists)

    loops.run_parts(run, parts, loops.threads_for(rows))
    return out


def _sum_dtype(kernel: Tensor) -> torch.dtype:
    """Dtype in which a kernel's gradient is summed: single for half precision."""
    half = kernel.dtype in (torch.bfloat16, torch.float16)
    return torch.float32 if half else kernel.dtype


def _kernel_gradient(
    rows: Tensor, grad: Tensor, kernel: Tensor, route: Route
) -> Tensor:
    """Gradient of the kernel; each thread has offsets of its own."""
    out = torch.zeros_like(kernel, dtype=_sum_dtype(kernel))
    parts = route.plan(_half(rows)).offset_parts(loops.threads_for(rows))
    if not parts:
        return out.to(kernel.dtype)
    inputs = route.scratch.take("inputs", (parts[-1].high, kernel.shape[1]), rows)
    grads = route.scratch.take("products", (parts[-1].high, kernel.shape[2]), grad)
    sums = list(out.unbind(0))

    def run(part: Part) -> None:
        room = slice(part.low, part.high)
        loops.kernel_gradient(rows, grad, sums, inputs[room], grads[room], *part.lists)

    loops.run_parts(run, parts, loops.threads_for(rows))
    return out.to(kernel.dtype)


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
        out = rows.new_empty((len(route.target), kernel.shape[2]))
        if kernel.shape[1] > NARROW:
            weights = list(kernel.unbind(0))
            return _multiply(rows, weights, route.plan(_half(rows)), out, route.scratch)
        for part, wide in _wide_blocks(rows, route):
            torch.mm(wide, kernel.flatten(0, 1), out=out[part])
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[no-untyped-def]
        rows, kernel = ctx.saved_tensors
        grad, grad_rows, grad_kernel = grad.contiguous(), None, None
        if ctx.needs_input_grad[0]:
            plan, reverse = ctx.route.transposed(_half(grad))
            weights = list(kernel.transpose(1, 2).unbind(0))[:: -1 if reverse else 1]
            out = grad.new_empty((len(ctx.route.source), kernel.shape[1]))
            grad_rows = _multiply(grad, weights, plan, out, ctx.route.scratch)
        if ctx.needs_input_grad[1] and kernel.shape[1] <= NARROW:
            total = torch.zeros_like(kernel, dtype=_sum_dtype(kernel))
            for part, wide in _wide_blocks(rows, ctx.route):
                total.flatten(0, 1).add_(wide.t() @ grad[part])
            grad_kernel = total.to(kernel.dtype)
        elif ctx.needs_input_grad[1]:
            grad_kernel = _kernel_gradient(rows, grad, kernel, ctx.route)
        return grad_rows, grad_kernel, None


def convolve(rows: Tensor, kernel: Tensor, route: Route) -> Tensor:
    """Sparse convolution in stored order.

    Args:
        rows: (N, Cin) of the route's source.
        kernel: (V, Cin, Cout).
        route: Source and target voxels, and the kernel between them.

    Returns:
        (N', Cout) of the route's target; autocast's dtype under autocast, else that of
        ``rows``.
    """
    if torch.is_autocast_enabled(rows.device.type):
        dtype = torch.get_autocast_dtype(rows.device.type)
        rows, kernel = rows.to(dtype), kernel.to(dtype)
    return _Convolve.apply(rows.contiguous(), kernel, route)
