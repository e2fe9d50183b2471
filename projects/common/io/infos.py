"""Info files: what samples a dataset has. JSON, or legacy pickles read without running
code."""

import io
import json
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np

from projects.common.io.atomic import atomic_write_bytes

Info = dict[str, Any]
_REMAKE = "Make it again with tools/create_data.py"


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
        ValueError: If it is truncated, holds anything else, or asks for code.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"info file {path} is missing. {_REMAKE}")
    if path.suffix in (".pkl", ".pickle"):
        content = _plain(_unpickle(path))
    elif path.suffix == ".json":
        content = _parse_json(path)
    else:
        raise ValueError(
            f"info file {path} ends in {path.suffix!r}, expected .json or .pkl. "
            f"{_REMAKE}"
        )
    if isinstance(content, list):
        content = {"metainfo": {}, "data_list": content}
    _check(content, path)
    return content


def save_info(path: str | Path, metainfo: dict, data_list: list[dict]) -> None:
    """Write an info file as JSON, one line per sample; equal input, equal bytes."""
    info = {"metainfo": _plain(metainfo), "data_list": _plain(data_list)}
    _check(info, Path(path))
    entries = ",\n".join(_line(entry) for entry in info["data_list"])
    text = f'{{"metainfo": {_line(info["metainfo"])},\n"data_list": [\n{entries}\n]}}\n'
    atomic_write_bytes(path, text.encode())


def _line(value: Any) -> str:
    return json.dumps(value, sort_keys=True, allow_nan=False)


def _parse_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(
            f"info file {path} is truncated or no JSON ({error}). {_REMAKE}"
        ) from error


def _check(info: Any, path: Path) -> None:
    if not isinstance(info, dict) or not isinstance(info.get("data_list"), list):
        keys = sorted(info) if isinstance(info, dict) else type(info).__name__
        raise ValueError(
            f"info file {path} must have a list `data_list`, got {keys}. {_REMAKE}"
        )
    info.setdefault("metainfo", {})
    for i, entry in enumerate(info["data_list"]):
        if not isinstance(entry, dict):
            raise ValueError(
                f"info file {path}: entry {i} of `data_list` must be a dict, got "
                f"{entry!r:.60}. {_REMAKE}"
            )


def _plain(value: Any) -> Any:
    """``value`` with numpy arrays and scalars turned into lists and numbers."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist()) if value.dtype.hasobject else value.tolist()
    return value


def _unpickle(path: Path) -> Any:
    try:
        return _ArrayUnpickler(io.BytesIO(path.read_bytes()), str(path)).load()
    except _RefusedGlobalError:
        raise
    except Exception as error:
        raise ValueError(
            f"info file {path} is truncated or damaged ({error!r}). {_REMAKE}"
        ) from error


class _RefusedGlobalError(ValueError):
    """A pickle wanted something that is no plain data."""


def _latin1(text: str, encoding: str) -> bytes:
    """Stands in for ``_codecs.encode``, how protocol 2 stores bytes."""
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(f"encoding {encoding!r} in a pickle, expected 'latin1'")
    return text.encode("latin1")


def _reconstruct(kind: type, shape: tuple, dtype: Any) -> np.ndarray:
    """Stands in for ``numpy.core.multiarray._reconstruct``."""
    if kind is not np.ndarray:
        raise ValueError(f"array type {kind!r} in a pickle, expected numpy.ndarray")
    return np.ndarray(shape, dtype)


def _scalar(dtype: np.dtype, data: bytes) -> Any:
    """Stands in for ``numpy.core.multiarray.scalar``."""
    if dtype.hasobject:
        raise ValueError("numpy scalar of dtype object in a pickle")
    return np.frombuffer(data, dtype)[0]


def _from_buffer(data: bytes, dtype: np.dtype, shape: tuple, order: str) -> Any:
    """Stands in for ``numpy.core.numeric._frombuffer``, protocol 5."""
    return np.frombuffer(data, dtype).reshape(shape, order=order)  # type: ignore[call-overload]


_ALLOWED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("_codecs", "encode"): _latin1,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}
for _package in ("numpy.core", "numpy._core"):
    _ALLOWED[f"{_package}.multiarray", "_reconstruct"] = _reconstruct
    _ALLOWED[f"{_package}.multiarray", "scalar"] = _scalar
    _ALLOWED[f"{_package}.numeric", "_frombuffer"] = _from_buffer


class _ArrayUnpickler(pickle.Unpickler):
    """Reads builtins and numpy arrays; any other global is refused by name."""

    def __init__(self, file: io.BytesIO, name: str) -> None:
        super().__init__(file)
        self._name = name

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise _RefusedGlobalError(
                f"info file {self._name} wants to use {module}.{name}, which plain "
                "data never needs: refused, it may be malicious. Only take info files "
                "from people you trust, or make it with tools/create_data.py"
            )
        return _ALLOWED[module, name]
