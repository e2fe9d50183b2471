"""Runs a kernel from one level onto another, and its gradients, on all cores."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .levels import Level, Scratch
from .loops import kernel_gradient_loop, multiply_loop
from .plans import KernelShape, OffsetPart, Plan, RowPart, get_plan
from .workers import run_parts


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

    def transposed(self) -> tuple[Plan, bool]:
        """Pairs by source row, and whether their offsets count from the last."""
        if self.source is self.target and self.shape.symmetric:
            return self.plan(), True
        swapped = replace(
            self, source=self.target, target=self.source, inverse=not self.inverse
        )
        return swapped.plan(), False


def _threads(rows: Tensor) -> int:
    return torch.get_num_threads() if rows.device.type == "cpu" else 1


def _multiply(
    rows: Tensor, weights: list[Tensor], plan: Plan, out: Tensor, scratch: Scratch
) -> Tensor:
    """out[target] = sum over the plan's pairs of rows[source] @ weights[offset]."""
    parts = plan.row_parts(_threads(rows))
    if not parts:
        return out.zero_()
    inputs = scratch.take("inputs", (parts[-1].high, rows.shape[1]), rows)
    products = scratch.take("products", (parts[-1].high, out.shape[1]), rows)

    def run(part: RowPart) -> None:
        multiply_loop(
            rows,
            weights,
            out,
            inputs[part.low : part.high],
            products[part.low : part.high],
            part.starts,
            part.active,
            part.sizes,
            part.gather,
            part.reduce,
            part.bounds,
        )

    run_parts(run, parts, _threads(rows))
    return out


def forward(rows: Tensor, kernel: Tensor, route: Route) -> Tensor:
    """Rows (N', Cout) of the target from (N, Cin) of the source."""
    out = rows.new_empty((len(route.target), kernel.shape[2]))
    return _multiply(rows, list(kernel.unbind(0)), route.plan(), out, route.scratch)


def rows_gradient(grad: Tensor, kernel: Tensor, route: Route) -> Tensor:
    """Gradient (N, Cin) of the rows from that of the output (N', Cout)."""
    plan, reverse = route.transposed()
    weights = list(kernel.transpose(1, 2).unbind(0))
    out = grad.new_empty((len(route.source), kernel.shape[1]))
    return _multiply(
        grad, weights[::-1] if reverse else weights, plan, out, route.scratch
    )


def sum_dtype(kernel: Tensor) -> torch.dtype:
    """In which a kernel's gradient is summed over blocks: single for half precision."""
    half = kernel.dtype in (torch.bfloat16, torch.float16)
    return torch.float32 if half else kernel.dtype


def kernel_gradient(rows: Tensor, grad: Tensor, kernel: Tensor, route: Route) -> Tensor:
    """Gradient of the kernel; each thread has offsets of its own."""
    out = torch.zeros_like(kernel, dtype=sum_dtype(kernel))
    parts = route.plan().offset_parts(_threads(rows))
    if not parts:
        return out.to(kernel.dtype)
    inputs = route.scratch.take("inputs", (parts[-1].high, kernel.shape[1]), rows)
    grads = route.scratch.take("products", (parts[-1].high, kernel.shape[2]), grad)
    sums = list(out.unbind(0))

    def run(part: OffsetPart) -> None:
        kernel_gradient_loop(
            rows,
            grad,
            sums,
            inputs[part.low : part.high],
            grads[part.low : part.high],
            part.active,
            part.sizes,
            part.gather,
            part.targets,
        )

    run_parts(run, parts, _threads(rows))
    return out.to(kernel.dtype)
