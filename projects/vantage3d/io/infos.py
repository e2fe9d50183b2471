"""Info files: what samples a dataset has. JSON, or legacy pickles read without running
code."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.pickles import RefusedGlobalError, unpickle

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
    pickled = path.suffix in (".pkl", ".pickle")
    if not pickled and path.suffix != ".json":
        raise ValueError(
            f"info file {path} ends in {path.suffix!r}, expected .json or .pkl. "
            f"{_REMAKE}"
        )
    data = path.read_bytes()
    try:
        content = unpickle(data, str(path)) if pickled else json.loads(data)
    except RefusedGlobalError:
        raise
    except Exception as error:  # a damaged pickle raises one of many types
        damage = f"damaged ({error!r})" if pickled else f"no JSON ({error})"
        message = f"info file {path} is truncated or {damage}. {_REMAKE}"
        raise ValueError(message) from error
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
