"""Training with less memory: what is cheap to compute again is not kept."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.functional import batch_norm

from .tensor import SparseTensor


class _Rectified:
    """relu(norm(rows)) in the place of a kept tensor, from ``rows`` when it is needed.

    Convolution and rectifier ask for it one after the other in the backward pass: the
    second gets what the first has computed.
    """

    def __init__(self, norm: nn.BatchNorm1d, rows: Tensor, result: Tensor) -> None:
        self._norm, self._rows = norm, rows.detach()
        self._place = result.data_ptr(), result.shape, result.dtype
        self._made: Tensor | None = None

    def pack(self, kept: Tensor) -> Any:
        """Itself instead of the result; other tensors as they are."""
        same = (kept.data_ptr(), kept.shape, kept.dtype) == self._place
        return self if same else kept

    def unpack(self, kept: Any) -> Tensor:
        """The tensor that was packed, to the bit."""
        if kept is not self:
            return kept
        made, self._made = self._made, None
        if made is None:
            weight, bias, eps = self._norm.weight, self._norm.bias, self._norm.eps
            with torch.no_grad():
                made = batch_norm(self._rows, None, None, weight, bias, True, 0, eps)
                self._made = made.relu_()
        return made


def norm_relu_conv(norm: Any, relu: Any, conv: Any, x: SparseTensor) -> SparseTensor:
    """``conv(relu(norm(x)))``, whose training keeps ``x`` but nothing in between.

    The backward pass computes norm and rectifier again, to the bit: their cost is small
    beside the convolution's.

    Args:
        norm: A ``BatchNorm`` of this engine.
        relu: Its ``ReLU``.
        conv: A ``Conv`` or another layer that keeps its input.
        x: (N, C).
    """
    hidden = norm(x)
    plain = type(norm.bn) is nn.BatchNorm1d  # not one that looks at other processes
    if not (plain and norm.training and hidden.rows.requires_grad):
        return conv(relu(hidden))
    again = _Rectified(norm.bn, x.rows, hidden.rows)
    with saved_tensors_hooks(again.pack, again.unpack):
        return conv(relu(hidden))
