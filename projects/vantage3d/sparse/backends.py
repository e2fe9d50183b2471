"""Choice of the engine that runs sparse layers."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any

from . import layers


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
    tensor: Any


NAMES = ("minkowski", "torch")


def get_backend(name: str) -> Backend:
    """The engine called ``name``.

    Raises:
        ValueError: If there is no such engine.
        ImportError: If its package is not installed; the message says how to install.
    """
    if name not in NAMES:
        raise ValueError(f"`backend` must be one of {list(NAMES)}, got {name!r}.")
    engine: ModuleType = layers
    if name == "minkowski":
        from . import minkowski  # optional package, imported when asked for

        engine = minkowski
    own: dict[str, Any] = {"name": name, "tensor": engine.SparseTensor}
    names = (field.name for field in fields(Backend))
    return Backend(**own, **{n: getattr(engine, n) for n in names if n not in own})
