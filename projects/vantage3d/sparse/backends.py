"""Choice of the engine that runs sparse layers."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import layers
from .recompute import norm_relu_conv
from .tensor import SparseTensor


@dataclass(frozen=True)
class Backend:
    """The layers of one engine; a network takes all of its layers from one.

    Attributes:
        name: "torch" or "minkowski".
        tensor: Called with (features, coordinates[, stride]).
        cat: Called with tensors on the same voxels.
        interpolate: Called with (tensor, points (M, 4)), gives (M, C).
        norm_relu_conv: Called with the three layers and a tensor, one after the other.
    """

    name: str
    Conv: Any
    ConvTranspose: Any
    BatchNorm: Any
    ReLU: Any
    MaxPool: Any
    AvgPool: Any
    cat: Callable[..., Any]
    interpolate: Callable[..., Any]
    norm_relu_conv: Callable[..., Any]
    tensor: Callable[..., Any]


def _torch() -> Backend:
    return Backend(
        name="torch",
        Conv=layers.Conv,
        ConvTranspose=layers.ConvTranspose,
        BatchNorm=layers.BatchNorm,
        ReLU=layers.ReLU,
        MaxPool=layers.MaxPool,
        AvgPool=layers.AvgPool,
        cat=layers.cat,
        interpolate=layers.interpolate,
        norm_relu_conv=norm_relu_conv,
        tensor=SparseTensor,
    )


def _minkowski() -> Backend:
    from . import minkowski  # optional package, imported when asked for

    return Backend(
        name="minkowski",
        Conv=minkowski.Conv,
        ConvTranspose=minkowski.ConvTranspose,
        BatchNorm=minkowski.BatchNorm,
        ReLU=minkowski.ReLU,
        MaxPool=minkowski.MaxPool,
        AvgPool=minkowski.AvgPool,
        cat=minkowski.cat,
        interpolate=minkowski.interpolate,
        norm_relu_conv=minkowski.norm_relu_conv,
        tensor=minkowski.MinkowskiTensor,
    )


_BACKENDS: dict[str, Callable[[], Backend]] = {
    "minkowski": _minkowski,
    "torch": _torch,
}


def get_backend(name: str) -> Backend:
    """The engine called ``name``.

    Raises:
        ValueError: If there is no such engine.
        ImportError: If its package is not installed; the message says how to install.
    """
    if name not in _BACKENDS:
        raise ValueError(f"`backend` must be one of {sorted(_BACKENDS)}, got {name!r}.")
    return _BACKENDS[name]()
