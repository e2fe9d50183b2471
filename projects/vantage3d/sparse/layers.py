"""Layers of the torch engine; parameter names and layouts are MinkowskiEngine's."""

import math

import torch
from torch import Tensor, nn

from .convolution import convolve
from .plans import KernelShape
from .pooling import interpolate_rows, pool
from .routes import Route
from .tensor import SparseTensor


def _check_sizes(**sizes: int) -> None:
    for name, value in sizes.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"`{name}` must be a positive integer, got {value!r}.")


def _check_channels(x: SparseTensor, expected: int) -> None:
    if x.rows.shape[1] != expected:
        raise ValueError(
            f"The layer was made for {expected} input channels, got {x.rows.shape[1]}."
        )


class _KernelLayer(nn.Module):
    """Holds ``kernel`` (V, Cin, Cout); 2-D (Cin, Cout) when it is a plain product."""

    kernel: nn.Parameter

    def _make_kernel(self, fan: int, shape: tuple[int, ...]) -> None:
        self.kernel = nn.Parameter(torch.empty(shape))
        bound = 1 / math.sqrt(fan)
        nn.init.uniform_(self.kernel, -bound, bound)


class Conv(_KernelLayer):
    """Sparse convolution (correlation), no bias.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Odd sizes are centred, even ones start at the output voxel.
        stride: Output voxels are at multiples of this times the input's stride.
        dilation: Distance of kernel offsets in steps of the input's stride.
        dimension: Must be 3.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int = 1,
        dilation: int = 1,
        dimension: int = 3,
    ) -> None:
        super().__init__()
        _check_sizes(
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=kernel_size,
            stride=stride,
            dilation=dilation,
        )
        if dimension != 3:
            raise ValueError(f"`dimension` must be 3, got {dimension}.")
        self.in_channels, self.out_channels = in_channels, out_channels
        self.stride, self.shape = stride, KernelShape(kernel_size, dilation)
        channels = (in_channels, out_channels)
        pointwise = kernel_size == 1 and stride == 1
        self._make_kernel(
            in_channels * self.shape.volume,
            channels if pointwise else (self.shape.volume, *channels),
        )

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Features (N', Cout) on the voxels of stride ``x.stride * stride``."""
        _check_channels(x, self.in_channels)
        if self.kernel.ndim == 2:
            return x.with_rows(x.rows @ self.kernel)
        level = x.family.strided(x.level, self.stride)
        rows = convolve(
            x.rows, self.kernel, Route(x.level, level, self.shape, x.family.scratch)
        )
        return SparseTensor.of_rows(rows, level, x.family)

    def extra_repr(self) -> str:
        """Sizes, for printing."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.shape.size}, "
            f"stride={self.stride}, dilation={self.shape.dilation}"
        )


class ConvTranspose(_KernelLayer):
    """Transposed sparse convolution back onto the voxels of a given tensor, no bias.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: As in :class:`Conv`.
        stride: Ratio of the input's stride to the target's.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1
    ) -> None:
        super().__init__()
        _check_sizes(
            in_channels=in_channels,
            out_channels=out_channels,
            kernel_size=kernel_size,
            stride=stride,
        )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.stride, self.shape = stride, KernelShape(kernel_size)
        channels = (in_channels, out_channels)
        pointwise = kernel_size == 1 and stride == 1
        self._make_kernel(
            out_channels * self.shape.volume,
            channels if pointwise else (self.shape.volume, *channels),
        )

    def forward(self, x: SparseTensor, target: SparseTensor) -> SparseTensor:
        """Features (N', Cout) on the voxels of ``target``."""
        _check_channels(x, self.in_channels)
        if x.stride != target.stride * self.stride:
            raise ValueError(
                f"A transposed convolution of stride {self.stride} from stride "
                f"{x.stride} needs a target of stride {x.stride / self.stride:g}, got "
                f"{target.stride}."
            )
        if self.kernel.ndim == 2 and x.level is target.level:
            return x.with_rows(x.rows @ self.kernel)
        route = Route(
            x.level, target.level, self.shape, target.family.scratch, inverse=True
        )
        kernel = self.kernel if self.kernel.ndim == 3 else self.kernel[None]
        rows = convolve(x.rows, kernel, route)
        return SparseTensor.of_rows(rows, target.level, target.family)

    def extra_repr(self) -> str:
        """Sizes, for printing."""
        return (
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.shape.size}, "
            f"stride={self.stride}"
        )


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
    """As in MinkowskiEngine, a kernel of the stride's size covers whole cells.

    Then offsets start at 0 and dilation does not apply.
    """

    def __init__(self, kernel_size: int, stride: int = 1, dilation: int = 1) -> None:
        super().__init__()
        _check_sizes(kernel_size=kernel_size, stride=stride, dilation=dilation)
        self.stride = stride
        cells = kernel_size == stride
        self.shape = KernelShape(kernel_size, 1 if cells else dilation, corner=cells)

    def extra_repr(self) -> str:
        """Sizes, for printing."""
        return f"kernel_size={self.shape.size}, stride={self.stride}"


class MaxPool(_Pool):
    """Largest feature of the voxels under the kernel."""

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Features (N', C) on the voxels of stride ``x.stride * stride``."""
        level = x.family.strided(x.level, self.stride)
        rows = pool(x.rows, Route(x.level, level, self.shape, x.family.scratch), "max")
        return SparseTensor.of_rows(rows, level, x.family)


class AvgPool(_Pool):
    """Mean feature of the voxels that exist under the kernel."""

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Features (N', C) on the voxels of stride ``x.stride * stride``."""
        level = x.family.strided(x.level, self.stride)
        rows = pool(x.rows, Route(x.level, level, self.shape, x.family.scratch), "mean")
        return SparseTensor.of_rows(rows, level, x.family)


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
    """
    return interpolate_rows(x.rows, x.level, points)
