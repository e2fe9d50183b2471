"""The few operations that numpy and torch spell differently."""

from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

Array = TypeVar("Array", np.ndarray, Tensor)


def stack(arrays: list[Any], axis: int) -> Any:
    """Join arrays of one kind along a new axis."""
    if isinstance(arrays[0], Tensor):
        return torch.stack(arrays, dim=axis)
    return np.stack(arrays, axis=axis)


def arange_like(size: int, like: Any) -> Any:
    """0..size-1 with the floating dtype (and device) of ``like``."""
    if isinstance(like, Tensor):
        return torch.arange(size, dtype=like.dtype, device=like.device)
    return np.arange(size, dtype=like.dtype)


def transpose(matrix: Any) -> Any:
    """Swap the last two axes."""
    return matrix.mT if isinstance(matrix, Tensor) else np.swapaxes(matrix, -1, -2)


def copy(array: Any) -> Any:
    """An independent copy."""
    return array.clone() if isinstance(array, Tensor) else array.copy()


def cross(first: Any, second: Any) -> Any:
    """Cross product of (..., 3) vectors."""
    if isinstance(first, Tensor):
        return torch.linalg.cross(first, second)
    return np.cross(first, second)
