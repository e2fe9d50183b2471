"""Bytes of live tensors while a network runs, for real or on tensors without values."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from vantage3d.process.live_memory import LiveMemory


class Counted(NamedTuple):
    """Bytes of one pass, beside the weights.

    Attributes:
        kept: Alive after the forward pass: in training what the backward pass needs, in
            prediction the outputs.
        peak: Most at once, in training with the gradients of the weights.
    """

    kept: int
    peak: int


@contextmanager
def without_values() -> Iterator[None]:
    """Inside, tensors have shapes, types and a device, and no memory."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        yield


def empty_weights(net: nn.Module) -> nn.Module:
    """Give a network on the meta device weights without values, on a fake CPU.

    The CPU has what the meta device lacks, autocast and fused attention, as GPUs do.
    """
    for module in net.modules():
        for name, value in list(module.named_parameters(recurse=False)):
            grown = torch.empty(value.shape, dtype=value.dtype)
            module.register_parameter(name, nn.Parameter(grown, value.requires_grad))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype))
    return net


def count_pass(
    net: nn.Module, forward: Callable[[], Iterable[Tensor]], training: bool
) -> Counted:
    """Run a network forward, in training backward too, and count.

    Args:
        net: Its weights do not count.
        forward: Runs it and returns what a gradient comes back through.
        training: Whether to keep a graph and go back.
    """
    net.train(training)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # threads of operators of ours would not be seen
    live = LiveMemory([*net.parameters(), *net.buffers()])
    try:
        with live, torch.set_grad_enabled(training):
            outputs = list(forward())
            kept = live.now
            if training:
                torch.autograd.backward(
                    [x for x in outputs if x.requires_grad],
                    [torch.empty_like(x) for x in outputs if x.requires_grad],
                )
        return Counted(kept, live.peak)
    finally:
        torch.set_num_threads(threads)
        net.zero_grad(set_to_none=True)
