"""Rigid transforms, and the few operations that numpy and torch spell differently."""

from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from vantage3d.checks import check_shape

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


def invert_rigid(transform: Array) -> Array:
    """Inverse of rigid transforms, from the transpose of the rotation.

    Args:
        transform: (..., 4, 4) rotation and translation in metres.

    Returns:
        (..., 4, 4), so that cam2world becomes world2cam and back.

    Raises:
        ValueError: If the last two dimensions are not 4 x 4.
    """
    check_shape("transform", transform, "... 4 4")
    inverse = copy(transform)
    rotation = transpose(transform[..., :3, :3])
    inverse[..., :3, :3] = rotation
    inverse[..., :3, 3:] = -(rotation @ transform[..., :3, 3:])
    return inverse


def transform_points(transform: Array, points: Array) -> Array:
    """Points after a rigid transform.

    Args:
        transform: (..., 4, 4).
        points: (..., N, 3) in metres; leading dimensions broadcast.

    Returns:
        (..., N, 3) in metres, in the target frame of ``transform``.

    Raises:
        ValueError: If the trailing dimensions are wrong.
    """
    check_shape("transform", transform, "... 4 4")
    check_shape("points", points, "... N 3")
    rotation = transpose(transform[..., :3, :3])
    return points @ rotation + transpose(transform[..., :3, 3:])


def look_at(eye: Array, target: Array, up: Array) -> Array:
    """Camera pose that looks from ``eye`` to ``target``.

    Args:
        eye: (3,) camera centre in the world, metres.
        target: (3,) world point that lands on the principal point.
        up: (3,) world direction that points up in the image.

    Returns:
        (4, 4) cam2world, OpenCV axes.

    Raises:
        ValueError: If the view direction is zero or parallel to ``up``.
    """
    for name, vector in (("eye", eye), ("target", target), ("up", up)):
        check_shape(name, vector, "3")
    forward = target - eye
    right = cross(forward, up)
    if float((right**2).sum()) == 0:
        direction = [float(value) for value in forward]
        raise ValueError(
            f"`target` - `eye` must not be parallel to `up`, got {direction}. "
            "Move the target or choose another up direction."
        )
    right = right / (right**2).sum() ** 0.5
    forward = forward / (forward**2).sum() ** 0.5
    axes = stack([right, cross(forward, right), forward, eye], 1)
    zero = eye[0] * 0
    last = stack([zero, zero, zero, zero + 1], 0)
    return stack([axes[0], axes[1], axes[2], last], 0)
