"""Runs a kernel from one level onto another, and its gradients, on all cores."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .levels import Level, Scratch
from .loops import backward_loop, forward_loop
from .plans import KernelShape, Part, Plan, get_plan
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

    def backward_plan(self) -> tuple[Plan, bool]:
        """Pairs by source row, and whether their offsets count from the last."""
        if self.source is self.target and self.shape.symmetric:
            return self.plan(), True
        swapped = replace(
            self, source=self.target, target=self.source, inverse=not self.inverse
        )
        return swapped.plan(), False


def _parts(plan: Plan, rows: Tensor) -> list[Part]:
    return plan.parts(torch.get_num_threads() if rows.device.type == "cpu" else 1)


def forward(rows: Tensor, kernel: Tensor, route: Route) -> Tensor:
    """Rows (N', Cout) of the target from (N, Cin) of the source."""
    plan, scratch = route.plan(), route.scratch
    out = rows.new_empty((len(route.target), kernel.shape[2]))
    parts = _parts(plan, rows)
    if not parts:
        return out.zero_()
    weights = list(kernel.unbind(0))
    inputs = scratch.take("inputs", (parts[-1].high, kernel.shape[1]), rows)
    products = scratch.take("products", (parts[-1].high, kernel.shape[2]), rows)

    def run(part: Part) -> None:
        room = slice(part.low, part.high)
        forward_loop(
            rows,
            weights,
            out,
            inputs[room],
            products[room],
            part.starts,
            part.active,
            part.sizes,
            part.gather,
            part.reduce,
            part.bounds,
        )

    run_parts(run, parts)
    return out


def backward(
    grad: Tensor, rows: Tensor, kernel: Tensor, route: Route, needs: tuple[bool, bool]
) -> tuple[Tensor | None, Tensor | None]:
    """Gradients of the rows and of the kernel, where ``needs`` asks for them."""
    plan, reverse = route.backward_plan()
    parts = _parts(plan, grad)
    if not parts:
        return torch.zeros_like(rows), torch.zeros_like(kernel)
    order = slice(None, None, -1) if reverse else slice(None)
    weights = list(kernel.transpose(1, 2).unbind(0))[order] if needs[0] else []
    grad_rows = torch.empty_like(rows)
    room, scratch = parts[-1].high, route.scratch
    flat = (kernel.shape[0] * kernel.shape[1], kernel.shape[2])
    sums = [torch.zeros_like(kernel)]
    for number in range(1, len(parts)):
        more = scratch.take(f"kernel{number}", flat, kernel)
        sums.append(more.view_as(kernel).zero_())
    grads = scratch.take("products", (room, kernel.shape[2]), grad)
    inputs = scratch.take("inputs", (room, kernel.shape[1]), grad)

    def run(numbered: tuple[int, Part]) -> None:
        number, part = numbered
        room = slice(part.low, part.high)
        backward_loop(
            grad,
            rows,
            weights,
            grad_rows,
            list(sums[number].unbind(0))[order] if needs[1] else [],
            grads[room],
            inputs[room],
            part.starts,
            part.active,
            part.sizes,
            part.gather,
            [block.targets for block in part.blocks] if needs[1] else [],
            part.reduce,
            part.bounds,
        )

    run_parts(run, list(enumerate(parts)))
    for other in sums[1:]:
        sums[0] += other
    return (grad_rows if needs[0] else None), (sums[0] if needs[1] else None)
