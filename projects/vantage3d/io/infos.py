"""Info files: what samples a dataset has. JSON, or legacy pickles.

Pickles are read without running code or trusting memory layouts: no numpy constructor
is reachable, stand-ins check what a pickle asks for and build the array themselves.
"""

import io
import json
import math
import pickle
import pickletools
import re
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.checksums import seal, unseal, warn_unchecked
from vantage3d.io.files import DAMAGED, existing

Info = dict[str, Any]
_REMAKE = "Make it again with tools/create_data.py"
VALUES, VALUES_PER_BYTE = 2 * 10**5, 10  # of a pickle, shared ones as often as met
_DTYPE = re.compile(r"[<>|=]?(?P<kind>[biufcSUO])\d{0,6}")


def load_info(path: str | Path) -> Info:
    """Metadata and samples of an info file.

    Args:
        path: ``.json`` written by :func:`save_info`, or a legacy ``.pkl`` with a dict
            of ``metainfo`` and ``data_list`` or a bare list of samples. A pickle may
            hold builtins and numpy arrays; arrays become lists.

    Returns:
        ``{"metainfo": dict, "data_list": list of dicts}``.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is damaged, holds anything else, or asks for code.
    """
    path = existing(path, "info file", _REMAKE)
    name = f"info file {path}"
    pickled = path.suffix in (".pkl", ".pickle")
    if not pickled and path.suffix != ".json":
        raise ValueError(
            f"info file {path} ends in {path.suffix!r}, expected .json or .pkl. "
            f"{_REMAKE}"
        )
    data = path.read_bytes()
    content = _unpickled(data, path) if pickled else unseal(data, name, _REMAKE)
    if isinstance(content, list):
        content = {"metainfo": {}, "data_list": content}
    _check(content, path)
    return content


def save_info(path: str | Path, metainfo: dict, data_list: list[dict]) -> None:
    """Write an info file as JSON, one line per sample; equal input, equal bytes."""
    info = {"metainfo": _Plain()(metainfo), "data_list": _Plain()(data_list)}
    _check(info, Path(path))
    entries = ",\n".join(_line(entry) for entry in info["data_list"])
    text = f'{{"metainfo": {_line(info["metainfo"])},\n"data_list": [\n{entries}\n]}}\n'
    atomic_write_bytes(path, seal(text))


def _unpickled(data: bytes, path: Path) -> Any:
    warn_unchecked(f"info file {path}", "checksum, as no pickle has")
    try:
        return unpickle(data, str(path))
    except RefusedGlobalError:
        raise
    except DAMAGED as error:
        message = f"info file {path} is truncated or damaged ({error!r}). {_REMAKE}"
        raise ValueError(message) from error


def _line(value: Any) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)


def _check(info: Any, path: Path) -> None:
    if not isinstance(info, dict) or not isinstance(info.get("data_list"), list):
        keys = sorted(info) if isinstance(info, dict) else type(info).__name__
        raise ValueError(
            f"info file {path} must have a list `data_list`, got {keys}. {_REMAKE}"
        )
    if not isinstance(info.setdefault("metainfo", {}), dict):
        raise ValueError(
            f"info file {path}: `metainfo` must be a dict, got "
            f"{info['metainfo']!r:.60}. {_REMAKE}"
        )
    for i, entry in enumerate(info["data_list"]):
        if not isinstance(entry, dict):
            raise ValueError(
                f"info file {path}: entry {i} of `data_list` must be a dict, got "
                f"{entry!r:.60}. {_REMAKE}"
            )


class _Plain:
    """Copies values, numpy arrays and scalars turned into lists and numbers.

    A pickle may hold one list many times over, in lists that it holds many times over:
    a few bytes of it unfold to any number of values.

    Args:
        most: Values after which that is refused.
    """

    def __init__(self, most: float = math.inf) -> None:
        self.most = self.left = most

    def __call__(self, value: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise ValueError(f"it unfolds to more than {self.most} values")
        if isinstance(value, _Array):
            value = value.values()
        if isinstance(value, dict):
            return {key: self(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self(item) for item in value]
        if isinstance(value, np.ndarray | np.generic):
            return self(value.tolist()) if value.dtype.hasobject else value.tolist()
        return value


class RefusedGlobalError(ValueError):
    """A pickle wanted something that is no plain data."""


def unpickle(data: bytes, name: str) -> Any:
    """Content of a pickle of builtins and numpy arrays.

    Args:
        data: The pickle.
        name: What errors call it.

    Returns:
        The content, with arrays and numpy scalars as lists and numbers.

    Raises:
        RefusedGlobalError: If it asks for any other global.
        Exception: One of many types, if it is damaged.
    """
    for opcode, argument, _ in pickletools.genops(data):
        # The unpickler takes memory for all places below the one it writes to.
        if "PUT" in opcode.name and (argument or 0) > len(data):
            raise ValueError(f"it writes to place {argument} of its memory")
    plain = _Plain(VALUES + VALUES_PER_BYTE * len(data))
    return plain(_PlainUnpickler(io.BytesIO(data), name).load())


class _Dtype:
    """Stands in for ``numpy.dtype``: numbers, strings and, for lists only, objects."""

    def __init__(self, spec: Any, *_: Any) -> None:
        match = _DTYPE.fullmatch(spec) if isinstance(spec, str) else None
        if match is None:
            raise ValueError(
                f"numpy dtype {spec!r:.60} in a pickle, expected numbers or strings"
            )
        self.dtype = np.dtype(spec)
        self.is_object = match["kind"] == "O"

    def __setstate__(self, state: tuple) -> None:
        """Byte order; the other members of a state describe structures or memory."""
        order, structure = state[1], state[2:5]
        if order not in ("<", ">", "|", "=") or structure != (None, None, None):
            raise ValueError(
                f"numpy dtype state {state!r:.60} in a pickle, expected a byte order"
            )
        self.dtype = self.dtype.newbyteorder(order)

    def read(self, data: bytes) -> np.ndarray:
        """(N,) array of values stored in ``data``."""
        if self.is_object:
            raise ValueError("numpy values of dtype object in a pickle's bytes")
        if not isinstance(data, bytes | bytearray):
            raise ValueError(f"numpy values as {data!r:.60} in a pickle")
        return np.frombuffer(data, self.dtype)


class _Array:
    """Stands in for a ``numpy.ndarray``."""

    def __init__(self, array: np.ndarray | None = None) -> None:
        self.array = array

    def __setstate__(self, state: tuple) -> None:
        """``(version, shape, dtype, is_fortran, data)``."""
        _, shape, dtype, is_fortran, data = state
        if dtype.is_object:
            values = np.empty(len(data), object)
            values[:] = data
        else:
            values = dtype.read(data)
        self.array = values.reshape(shape, order="F" if is_fortran else "C")

    def values(self) -> Any:
        if self.array is None:
            raise ValueError("numpy array without values in a pickle")
        return self.array.tolist()


_NDARRAY = object()


def _latin1(text: str, encoding: str) -> bytes:
    """Stands in for ``_codecs.encode``, how protocol 2 stores bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"encoding {encoding!r} in a pickle, expected 'latin1'")
    return text.encode("latin1")


def _reconstruct(kind: object, *_: Any) -> _Array:
    """Stands in for ``numpy.core.multiarray._reconstruct``."""
    if kind is not _NDARRAY:
        raise ValueError(f"array type {kind!r} in a pickle, expected numpy.ndarray")
    return _Array()


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _latin1,
    ("__builtin__", "bytes"): lambda: b"",  # how protocol 2 stores empty ones
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Dtype,
}
for _package in ("numpy.core", "numpy._core"):
    _ALLOWED[f"{_package}.multiarray", "_reconstruct"] = _reconstruct
    _ALLOWED[f"{_package}.multiarray", "scalar"] = lambda dtype, data: dtype.read(
        data
    ).item(0)
    _ALLOWED[f"{_package}.numeric", "_frombuffer"] = lambda data, dtype, shape, order: (
        _Array(dtype.read(data).reshape(shape, order=order))
    )


class _PlainUnpickler(pickle.Unpickler):
    """Reads builtins and numpy arrays; any other global is refused by name."""

    def __init__(self, file: io.BytesIO, name: str) -> None:
        super().__init__(file)
        self._name = name

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise RefusedGlobalError(
                f"info file {self._name} wants to use {module}.{name}, which plain "
                "data never needs: refused, it may be malicious. Only take info files "
                "from people you trust, or make it with tools/create_data.py"
            )
        return _ALLOWED[module, name]
