"""Layers of the torch engine; parameter names and layouts are MinkowskiEngine's."""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.functional import batch_norm, embedding_bag

from .convolution import Route, convolve
from .index import check_range
from .plans import KernelShape
from .tensor import SparseTensor


def _check_sizes(**sizes: int) -> None:
    for name, value in sizes.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"`{name}` must be a positive integer, got {value!r}.")


class _KernelLayer(nn.Module):
    """A layer with ``kernel`` (V, Cin, Cout); (Cin, Cout) where it is a plain product.

    ``bias`` (Cout,) is None until a batch norm is folded into the layer.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Odd sizes are centred, even ones start at the coarser voxel.
        stride: Ratio of the coarser voxels' stride to the finer ones'.
        dilation: Distance of kernel offsets in steps of the finer stride.
    """

    transposed = False
    bias: nn.Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        dilation: int = 1,
    ) -> None:
        super().__init__()
        _check_sizes(
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=kernel_size,
            stride=stride,
            dilation=dilation,
        )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.stride, self.shape = stride, KernelShape(kernel_size, dilation)
        channels, volume = (in_channels, out_channels), self.shape.volume
        plain = kernel_size == 1 and stride == 1
        self.kernel = nn.Parameter(
            torch.empty(channels if plain else (volume, *channels))
        )
        fan = volume * (out_channels if self.transposed else in_channels)
        nn.init.uniform_(self.kernel, -1 / math.sqrt(fan), 1 / math.sqrt(fan))
        self.register_parameter("bias", None)

    def _shifted(self, rows: Tensor) -> Tensor:
        """``rows``, which nobody else holds, plus the bias."""
        return rows if self.bias is None else rows.add_(self.bias.to(rows.dtype))

    def _check_channels(self, x: SparseTensor) -> None:
        if x.rows.shape[1] != self.in_channels:
            raise ValueError(
                f"The layer was made for {self.in_channels} input channels, got "
                f"{x.rows.shape[1]}."
            )

    def extra_repr(self) -> str:
        """Sizes, for printing."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.shape.size}, "
            f"stride={self.stride}, dilation={self.shape.dilation}"
        )


class Conv(_KernelLayer):
    """Sparse convolution (correlation) onto voxels of a coarser stride, or onto any."""

    def forward(
        self, x: SparseTensor, target: SparseTensor | None = None
    ) -> SparseTensor:
        """Features (N', Cout) on the voxels of stride ``x.stride * stride``.

        Args:
            x: The tensor.
            target: A tensor whose voxels the result is on instead, whether ``x`` has
                them or not.
        """
        self._check_channels(x)
        if target is not None:
            return self._onto(x, target)
        if self.kernel.ndim == 2:
            return x.with_rows(self._shifted(x.rows @ self.kernel))
        level = x.family.strided(x.level, self.stride)
        route = Route(x.level, level, self.shape, x.family.scratch)
        rows = self._shifted(convolve(x.rows, self.kernel, route))
        return SparseTensor.of_rows(rows, level, x.family)

    def _onto(self, x: SparseTensor, target: SparseTensor) -> SparseTensor:
        """The convolution at the voxels of ``target`` alone."""
        if target.stride != x.stride * self.stride:
            raise ValueError(
                f"A convolution of stride {self.stride} from stride {x.stride} needs a "
                f"target of stride {x.stride * self.stride}, got {target.stride}."
            )
        route = Route(x.level, target.level, self.shape, target.family.scratch)
        kernel = self.kernel if self.kernel.ndim == 3 else self.kernel[None]
        rows = self._shifted(convolve(x.rows, kernel, route))
        return SparseTensor.of_rows(rows, target.level, target.family)


class ConvTranspose(_KernelLayer):
    """Transposed sparse convolution back onto the voxels of a given tensor."""

    transposed = True

    def forward(self, x: SparseTensor, target: SparseTensor) -> SparseTensor:
        """Features (N', Cout) on the voxels of ``target``."""
        self._check_channels(x)
        if x.stride != target.stride * self.stride:
            raise ValueError(
                f"A transposed convolution of stride {self.stride} from stride "
                f"{x.stride} needs a target of stride {x.stride / self.stride:g}, got "
                f"{target.stride}."
            )
        if self.kernel.ndim == 2 and x.level is target.level:
            return x.with_rows(self._shifted(x.rows @ self.kernel))
        route = Route(
            x.level, target.level, self.shape, target.family.scratch, inverse=True
        )
        kernel = self.kernel if self.kernel.ndim == 3 else self.kernel[None]
        rows = self._shifted(convolve(x.rows, kernel, route))
        return SparseTensor.of_rows(rows, target.level, target.family)


class BatchNorm(nn.Module):
    """Batch normalisation over voxels, an ``nn.BatchNorm1d`` in ``bn``.

    ``inplace`` overwrites the features of its input where no gradient needs them: in
    evaluation without gradients.
    """

    def __init__(
        self, channels: int, momentum: float = 0.1, inplace: bool = False
    ) -> None:
        super().__init__()
        self.bn = nn.BatchNorm1d(channels, momentum=momentum)
        self.inplace = inplace

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Normalised features on the same voxels."""
        if self.inplace and not (self.training or torch.is_grad_enabled()):
            buffers = dict(self.bn.named_buffers())
            scale = self.bn.weight * torch.rsqrt(buffers["running_var"] + self.bn.eps)
            shift = self.bn.bias - buffers["running_mean"] * scale
            torch.addcmul(shift, x.rows, scale, out=x.rows)
            return x.overwritten()
        return x.with_rows(self.bn(x.rows))


class ReLU(nn.Module):
    """Rectifier; ``inplace`` overwrites the features of its input."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Rectified features on the same voxels."""
        if self.inplace:
            nn.functional.relu_(x.rows)
            return x.overwritten()
        return x.with_rows(nn.functional.relu(x.rows))


class _Pool(nn.Module):
    """Pooling of the voxels under a kernel.

    As in MinkowskiEngine, a kernel of the stride's size covers whole cells: its offsets
    start at 0 and dilation does not apply.
    """

    mode: str

    def __init__(self, kernel_size: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        _check_sizes(kernel_size=kernel_size, stride=stride, dilation=dilation)
        self.stride = stride
        cells = kernel_size == stride
        self.shape = KernelShape(kernel_size, 1 if cells else dilation, corner=cells)

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Features (N', C) on the voxels of stride ``x.stride * stride``.

        Zero where there is no voxel under the kernel.
        """
        level = x.family.strided(x.level, self.stride)
        blocks = Route(x.level, level, self.shape, x.family.scratch).plan().blocks
        if not blocks or len(x.rows) == 0:
            rows = x.rows.new_zeros((len(level), x.rows.shape[1]))
        else:
            members = torch.cat([block.gather[block.reduce] for block in blocks])
            counts = torch.cat([block.bounds.diff() for block in blocks])
            starts = (counts.cumsum(0) - counts).to(members.dtype)
            rows = embedding_bag(members, x.rows, starts, mode=self.mode)
        return SparseTensor.of_rows(rows, level, x.family)

    def extra_repr(self) -> str:
        """Sizes, for printing."""
        return f"kernel_size={self.shape.size}, stride={self.stride}"


class MaxPool(_Pool):
    """Largest feature of the voxels under the kernel."""

    mode = "max"


class AvgPool(_Pool):
    """Mean feature of the voxels that exist under the kernel."""

    mode = "mean"


def cat(*tensors: SparseTensor) -> SparseTensor:
    """Concatenate channels of tensors on the same voxels.

    Raises:
        ValueError: If there is no tensor, or their voxels differ.
    """
    if not tensors:
        raise ValueError("`cat` needs at least one tensor, got 0.")
    first = tensors[0]
    rows = [first.aligned_rows(other) for other in tensors]
    return first.with_rows(torch.cat(rows, dim=1))


def interpolate(x: SparseTensor, points: Tensor) -> Tensor:
    """Trilinear interpolation between voxels; a missing corner counts as zero.

    Args:
        x: The tensor.
        points: (M, 4) floating point [batch, x, y, z] in input voxels; a voxel's
            features sit at its coordinates.

    Returns:
        (M, C) values.

    Raises:
        ValueError: Wrong shape or dtype, or far-out points.
    """
    if points.ndim != 2 or points.shape[1] != 4 or not points.is_floating_point():
        raise ValueError(
            "`points` must be floating point (M, 4) [batch, x, y, z], got "
            f"{tuple(points.shape)} {points.dtype}."
        )
    batch = points[:, 0].round().long()
    scaled = points[:, 1:] / x.level.stride
    corner = scaled.detach().floor()
    check_range(batch, corner)
    if len(x.level) == 0 or len(points) == 0:
        return x.rows.new_zeros((len(points), x.rows.shape[1]))
    part = scaled - corner
    steps = torch.arange(2, device=points.device)
    axes = [corner[:, axis].long() + steps[:, None] for axis in range(3)]
    found = x.level.make_index().find(batch, axes).t().contiguous()
    near_far = torch.stack([1 - part, part], dim=2)
    at_x, at_y, at_z = near_far.unbind(1)
    weight = at_z[:, :, None, None] * at_y[:, None, :, None] * at_x[:, None, None]
    weight = weight.flatten(1)
    weight = weight.masked_fill(found < 0, 0).to(x.rows.dtype)
    return embedding_bag(
        found.clamp(min=0), x.rows, per_sample_weights=weight, mode="sum"
    )


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
    # not one that looks at other processes, nor what is left of a folded one
    plain = type(getattr(norm, "bn", None)) is nn.BatchNorm1d
    if not (plain and norm.training and hidden.rows.requires_grad):
        return conv(relu(hidden))
    again = _Rectified(norm.bn, x.rows, hidden.rows)
    with saved_tensors_hooks(again.pack, again.unpack):
        return conv(relu(hidden))
