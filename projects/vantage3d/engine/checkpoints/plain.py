"""Checkpoint content as plain data, so that reading it executes no code.

Last, the harmless types inside checkpoints that MMEngine or numpy users saved.
"""

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from pathlib import PurePath
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

KIND = "__kind__"
_SCALARS = (bool, int, float, complex, str, bytes, type(None))
_TORCH = (torch.dtype, torch.device, torch.Size)


def to_plain(value: Any, where: str = "checkpoint") -> Any:
    """Copy of ``value`` made of what ``torch.load(weights_only=True)`` accepts.

    Tensors move to the CPU. Arrays and MMEngine's history buffers become marked
    dictionaries that :func:`from_plain` turns back.

    Args:
        value: Nested containers of tensors, arrays, numbers and strings.
        where: Name of ``value`` in messages.

    Raises:
        TypeError: If something else is found; the message says where.
    """
    if type(value) in _SCALARS or isinstance(value, _TORCH):
        return value
    if isinstance(value, torch.Tensor):
        return value.detach().cpu()
    for types, convert in _CONVERTERS:
        if isinstance(value, types):
            return convert(value, where)
    raise TypeError(
        f"`{where}` is a {type(value).__module__}.{type(value).__qualname__}: a "
        "checkpoint holds tensors, arrays, numbers, strings and containers of them only"
    )


def _mapping(value: Mapping, where: str) -> dict:
    plain: dict = OrderedDict() if type(value) is OrderedDict else {}
    for key, item in value.items():
        plain[to_plain(key, f"key of {where}")] = to_plain(item, f"{where}.{key}")
    # Versions of batch norm and others travel in this attribute of state dicts.
    if hasattr(value, "_metadata") and type(value) is OrderedDict:
        plain._metadata = to_plain(value._metadata, where)  # type: ignore[attr-defined]
    return plain


def _array(value: np.ndarray, where: str) -> dict:
    if value.dtype.kind in "biufc":
        data: Any = torch.from_numpy(np.ascontiguousarray(value).copy())
    elif value.dtype.kind == "U":
        data = value.tolist()
    else:
        raise TypeError(
            f"`{where}` is an array of {value.dtype}, which is no plain data"
        )
    return {KIND: "ndarray", "data": data, "shape": list(value.shape)}


_CONVERTERS: list[tuple[Any, Callable[[Any, str], Any]]] = [
    (
        HistoryBuffer,
        lambda value, where: {
            KIND: "HistoryBuffer",
            "log_history": _array(value.data[0], where),
            "count_history": _array(value.data[1], where),
            "max_length": value.max_length,
        },
    ),
    (np.ndarray, _array),
    (np.generic, lambda value, where: value.item()),
    (Counter, lambda value, where: Counter(_mapping(value, where))),
    (Mapping, _mapping),
    (list, lambda value, where: [to_plain(item, where) for item in value]),
    (tuple, lambda value, where: tuple(to_plain(item, where) for item in value)),
    (PurePath, lambda value, where: str(value)),
    (str, lambda value, where: str.__str__(value)),
    (int, lambda value, where: int(value)),
    (float, lambda value, where: float(value)),
]


def from_plain(value: Any) -> Any:
    """Undo :func:`to_plain`."""
    if type(value) in (dict, OrderedDict):
        if value.get(KIND) == "ndarray":
            return np.array(value["data"]).reshape(value["shape"])
        if value.get(KIND) == "HistoryBuffer":
            return HistoryBuffer(
                from_plain(value["log_history"]),
                from_plain(value["count_history"]),
                value["max_length"],
            )
        for key in value:
            value[key] = from_plain(value[key])
        return value
    if type(value) in (list, tuple):
        return type(value)(from_plain(item) for item in value)
    return value


class _LegacyHistory:
    """Stands for MMEngine's HistoryBuffer: a plain record, no behaviour."""


def _attribute_name(owner: type, name: str) -> str:
    """Stands for ``getattr``, which MMEngine uses to name statistics of a history."""
    if owner is not _LegacyHistory:
        raise UnpicklingError("Unsupported global: GLOBAL builtins.getattr")
    return name


def safe_globals() -> list[Any]:
    """What ``torch.serialization.safe_globals`` may accept beyond its defaults.

    Only types that hold numbers and strings. MMEngine's history buffers are replaced
    by an inert record, because the real one asks for ``getattr``.
    """
    arrays = [
        (getattr(np.core.multiarray, name), f"numpy.{core}.multiarray.{name}")
        for core in ("core", "_core")
        for name in ("_reconstruct", "scalar")
    ]
    dtypes = [
        getattr(np.dtypes, name) for name in dir(np.dtypes) if name.endswith("DType")
    ]
    dtypes.remove(np.dtypes.ObjectDType)
    return [
        *arrays,
        np.ndarray,
        np.dtype,
        *dtypes,
        (_LegacyHistory, "mmengine.logging.history_buffer.HistoryBuffer"),
        (_attribute_name, "builtins.getattr"),
    ]
