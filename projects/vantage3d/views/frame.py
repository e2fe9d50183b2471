"""One view of a scene, and what it must fulfil."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_finite, check_shape


class BadSampleError(ValueError):
    """A frame or sample that cannot be used; the message says why and what to do."""


class Frame(NamedTuple):
    """One view, as a dataset reads it and as it leaves the view geometry.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        depth: (H, W) float32 z-depth in metres, 0 = missing.
        K: (3, 3) float64 intrinsics in pixels of ``image``.
        world2cam: (4, 4) float64, OpenCV axes, metres.
        semantics: (H, W) int16 class ids of the dataset, -1 = unknown; None if the
            dataset has none.
    """

    image: NDArray[np.uint8]
    depth: NDArray[np.float32]
    K: NDArray[np.float64]
    world2cam: NDArray[np.float64]
    semantics: NDArray[np.int16] | None = None


def check_frame(frame: Frame, name: str) -> None:
    """Refuse a frame that breaks the contract.

    Raises:
        BadSampleError: If sizes disagree, a matrix is not finite, ``K`` is singular or
            ``world2cam`` is no rigid transform.
    """
    try:
        dims = check_shape("image", frame.image, "H W 3")
        check_shape("depth", frame.depth, "H W", dims=dims)
        if frame.semantics is not None:
            check_shape("semantics", frame.semantics, "H W", dims=dims)
        check_shape("K", frame.K, "3 3")
        check_shape("world2cam", frame.world2cam, "4 4")
        check_finite("K", frame.K)
        check_finite("world2cam", frame.world2cam)
    except ValueError as error:
        raise BadSampleError(f"frame {name}: {error}") from error
    fx, fy = float(frame.K[0, 0]), float(frame.K[1, 1])
    if not (fx > 0 and fy > 0 and frame.K[2].tolist() == [0, 0, 1]):
        raise BadSampleError(
            f"frame {name}: `K` must have positive focal lengths and last row 0 0 1, "
            f"got {frame.K.tolist()}. Check the intrinsics file."
        )
    rotation = frame.world2cam[:3, :3]
    off = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if off > 1e-3 or np.linalg.det(rotation) < 0:
        raise BadSampleError(
            f"frame {name}: `world2cam` must hold a rotation, but R R' differs from "
            f"the identity by {off:.3g} and det R is {np.linalg.det(rotation):.3g}. "
            "Check the pose file."
        )
