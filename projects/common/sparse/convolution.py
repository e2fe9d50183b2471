"""Sparse convolution of rows along a kernel map, with its gradients."""

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable

from .kernel_maps import KernelMap


def _apply(rows: Tensor, kernel: Tensor, pairs: KernelMap) -> Tensor:
    """out[p] = sum over offsets of rows[q] @ kernel[offset]."""
    out = rows.new_zeros((pairs.num_out, kernel.shape[2]))
    for weight, (source, target) in zip(kernel, pairs.pairs):
        if len(source):
            out.index_add_(0, target, rows[source] @ weight)
    return out


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: FunctionCtx, rows: Tensor, kernel: Tensor, pairs: KernelMap
    ) -> Tensor:
        ctx.save_for_backward(rows, kernel)
        ctx.pairs = pairs  # type: ignore[attr-defined]
        return _apply(rows, kernel, pairs)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        rows, kernel = ctx.saved_tensors  # type: ignore[attr-defined]
        pairs: KernelMap = ctx.pairs  # type: ignore[attr-defined]
        need_rows, need_kernel = ctx.needs_input_grad[:2]  # type: ignore[attr-defined]
        grad_rows = grad_kernel = None
        if need_rows:
            grad_rows = _apply(grad, kernel.transpose(1, 2), pairs.transposed())
        if need_kernel:
            grad_kernel = torch.zeros_like(kernel)
            for weight, (source, target) in zip(grad_kernel, pairs.pairs):
                if len(source):
                    torch.mm(rows[source].T, grad[target], out=weight)
        return grad_rows, grad_kernel, None


def convolve(rows: Tensor, kernel: Tensor, pairs: KernelMap) -> Tensor:
    """Sparse convolution in stored order.

    Args:
        rows: (num_in, Cin).
        kernel: (V, Cin, Cout).
        pairs: Map from input to output rows.

    Returns:
        (num_out, Cout); autocast's dtype under autocast, else that of ``rows``.
    """
    if torch.is_autocast_enabled(rows.device.type):
        dtype = torch.get_autocast_dtype(rows.device.type)
        rows, kernel = rows.to(dtype), kernel.to(dtype)
    return _Convolve.apply(rows, kernel, pairs)
