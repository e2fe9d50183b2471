"""The same layers on MinkowskiEngine; the only file that imports it."""

import collections
import collections.abc
import warnings
from typing import Any

import torch
from torch import Tensor, nn

from .tensor import check_coordinates, check_features

if not hasattr(collections, "Sequence"):  # gone since Python 3.10, ME asks for it
    collections.Sequence = collections.abc.Sequence  # type: ignore[attr-defined]
try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "compiled with CPU_ONLY flag"
        import MinkowskiEngine as ME  # noqa: N817
except ImportError as error:
    raise ImportError(
        f'backend="minkowski" needs MinkowskiEngine 0.5.4, which does not import here '
        f'({error}). Install it with `make minkowski`, or use backend="torch".'
    ) from error


class SparseTensor:
    """The engine's own tensor with the interface of ``tensor.SparseTensor``."""

    def __init__(self, features: Tensor, coordinates: Tensor, stride: int = 1) -> None:
        coordinates = check_coordinates(coordinates)
        check_features(features, coordinates)
        self.inner = ME.SparseTensor(
            features.contiguous(), coordinates.contiguous(), tensor_stride=stride
        )
        if len(self.inner) != len(coordinates):
            raise ValueError(
                "Coordinates must be unique, got "
                f"{len(coordinates) - len(self.inner)} repeats. Use `voxelize` to "
                "average points that fall into one voxel."
            )

    @classmethod
    def wrap(cls, inner: Any) -> "SparseTensor":
        """Present an engine's tensor."""
        tensor = cls.__new__(cls)
        tensor.inner = inner
        return tensor

    @property
    def features(self) -> Tensor:
        """(N, C) features in the order of ``coordinates``."""
        return self.inner.F

    @property
    def coordinates(self) -> Tensor:
        """(N, 4) int32 [batch, x, y, z] in input voxels."""
        return self.inner.C

    @property
    def stride(self) -> int:
        """Distance of neighbouring voxels in input voxels."""
        return int(self.inner.tensor_stride[0])

    def replace(self, features: Tensor) -> "SparseTensor":
        """The same voxels with ``features`` (N, C)."""
        check_features(features, self.coordinates)
        return SparseTensor.wrap(
            ME.SparseTensor(
                features,
                coordinate_map_key=self.inner.coordinate_map_key,
                coordinate_manager=self.inner.coordinate_manager,
            )
        )

    def __add__(self, other: "SparseTensor") -> "SparseTensor":
        """Sum of features on the same voxels."""
        return SparseTensor.wrap(self.inner + other.inner)

    def __iadd__(self, other: "SparseTensor") -> "SparseTensor":
        """Sum written over the features of the left side."""
        self.inner += other.inner
        return self


class _Wrapped(nn.Module):
    """Mixin: an engine's layer on our tensors."""

    def forward(self, x: SparseTensor) -> SparseTensor:
        """Features as in the layer of ``layers`` of the same name."""
        return SparseTensor.wrap(super().forward(x.inner))


class _Spatial(nn.Module):
    """Mixin: channels, kernel size, stride and dilation of a layer in space."""

    def __init__(self, *sizes: int, **named: int) -> None:
        super().__init__(*sizes, **named, dimension=3)
        if getattr(self, "bias", self) is None:  # where a fold puts a parameter
            del self.bias
            self.register_parameter("bias", None)


class Conv(_Wrapped, _Spatial, ME.MinkowskiConvolution):
    """See ``layers.Conv``."""


class ConvTranspose(_Spatial, ME.MinkowskiConvolutionTranspose):
    """See ``layers.ConvTranspose``."""

    def forward(self, x: SparseTensor, target: SparseTensor) -> SparseTensor:
        """Features on the voxels of ``target``."""
        key = target.inner.coordinate_map_key
        return SparseTensor.wrap(super().forward(x.inner, coordinates=key))


class BatchNorm(_Wrapped, ME.MinkowskiBatchNorm):
    """See ``layers.BatchNorm``; never in place, which this engine cannot do."""

    def __init__(
        self, channels: int, momentum: float = 0.1, inplace: bool = False
    ) -> None:
        super().__init__(channels, momentum=momentum)


class ReLU(_Wrapped, ME.MinkowskiReLU):
    """See ``layers.ReLU``."""


class MaxPool(_Wrapped, _Spatial, ME.MinkowskiMaxPooling):
    """See ``layers.MaxPool``."""


class AvgPool(_Wrapped, _Spatial, ME.MinkowskiAvgPooling):
    """See ``layers.AvgPool``."""


def cat(*tensors: SparseTensor) -> SparseTensor:
    """Concatenate channels of tensors on the same voxels."""
    return SparseTensor.wrap(ME.cat(*[tensor.inner for tensor in tensors]))


def interpolate(x: SparseTensor, points: Tensor) -> Tensor:
    """Trilinear interpolation at (M, 4) [batch, x, y, z]; gives (M, C)."""
    return x.inner.features_at_coordinates(points.to(torch.float32).contiguous())


def norm_relu_conv(norm: Any, relu: Any, conv: Any, x: SparseTensor) -> Any:
    """``conv(relu(norm(x)))``."""
    return conv(relu(norm(x)))
