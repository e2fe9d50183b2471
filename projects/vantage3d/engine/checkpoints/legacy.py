"""The harmless types inside checkpoints that MMEngine or numpy users saved."""

from pickle import UnpicklingError
from typing import Any

import numpy as np


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
