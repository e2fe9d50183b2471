"""Text files of camera matrices: intrinsics and poses."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.files import not_found
from vantage3d.io.text import read_table

# Sizes of images, landscape, and factors by which people resize them.
USUAL_SIZES = (
    *((320, 240), (640, 360), (640, 480), (848, 480), (960, 540), (960, 720)),
    *((1280, 720), (1280, 960), (1280, 1024), (1296, 968), (1600, 1200), (1920, 1080)),
    *((1920, 1440), (2592, 1936), (3840, 2160), (4032, 3024)),
)
FACTORS = (0.125, 0.25, 1 / 3, 0.5, 2.0, 3.0, 4.0, 8.0)
NEAR_MIDDLE = 0.06  # of the sides, that a principal point may be off the middle


def read_matrix(path: Path, what: str) -> NDArray[np.float64]:
    """A 3 x 3 or 4 x 4 matrix of a text file.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it holds something else, or NaN or infinite values.
    """
    values = _numbers(path, what)
    if values.size not in (9, 16):
        rows = " with rows fx 0 cx, 0 fy cy, 0 0 1" * (what == "intrinsics")
        raise ValueError(
            f"{what} {path} has {values.size} numbers, expected 9 (3x3) or 16 "
            f"(4x4){rows}"
        )
    if not np.isfinite(values).all():
        bad = values[~np.isfinite(values)][0]
        raise ValueError(f"{what} {path} contains {bad}, expected finite numbers")
    side = 3 if values.size == 9 else 4
    return values.reshape(side, side)


def _numbers(path: Path, what: str) -> NDArray[np.float64]:
    """All numbers of a text file, brackets left out."""
    try:
        words = [word.strip("[]()") for row in read_table(path, 1) for word in row]
        # Windows writes NaN and infinity as 1.#IND, -1.#INF, 1.#QNAN.
        words = ["nan" if "1.#" in word else word for word in words if word]
        return np.array(words, dtype=np.float64)
    except FileNotFoundError:
        raise not_found(path, what, "Write it") from None
    except ValueError as error:
        raise ValueError(f"{what} {path} is no matrix of numbers: {error}") from None


def matrix_text(matrix: NDArray[np.floating]) -> str:
    """Text of a matrix as :func:`read_matrix` reads it, without loss."""
    rows = [" ".join(repr(float(value)) for value in row) for row in matrix]
    return "\n".join(rows) + "\n"


def read_pose(path: Path) -> NDArray[np.float64]:
    """(4, 4) transform; the last row may be left out.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it holds something else, or no rigid transform.
    """
    values = _numbers(path, "pose")
    if values.size == 12:
        values = np.append(values, (0, 0, 0, 1))
    if values.size != 16:
        raise ValueError(
            f"pose {path} has {values.size} numbers, expected 16 (4x4), or 12 without "
            "the last row. Write it again, or leave the frame out"
        )
    pose = values.reshape(4, 4)
    check_rigid(pose, str(path))
    return pose


def check_rigid(pose: NDArray[np.float64], name: str) -> None:
    """Refuse a (4, 4) camera-to-world pose that is no rigid transform.

    Raises:
        ValueError: Which says why, and whose pose it is by ``name``.
    """
    if not np.isfinite(pose).all():
        bad = pose[~np.isfinite(pose)][0]
        raise ValueError(
            f"pose {name} contains {bad}: the tracking was lost there; leave the "
            "frame out"
        )
    rotation = pose[:3, :3]
    error = float(np.abs(rotation @ rotation.T - np.eye(3)).max())
    if error > 1e-2 or np.linalg.det(rotation) < 0:
        raise ValueError(
            f"pose {name} is not rigid: R R^T is off the identity by {error:.3g} and "
            f"det R = {np.linalg.det(rotation):.3g}, expected a camera-to-world "
            "transform"
        )
    if np.abs(pose[3] - (0, 0, 0, 1)).max() > 1e-4:
        raise ValueError(
            f"pose {name} ends in the row {pose[3].tolist()}, expected 0 0 0 1: is the "
            "matrix transposed?"
        )


def check_intrinsics(K: NDArray[np.float64], size: tuple[int, int], name: str) -> None:
    """Refuse intrinsics that cannot belong to an image of ``size`` (W, H).

    Raises:
        ValueError: If the principal point is not in the middle half of the image,
            as when the file belongs to another resolution, or a focal length is not
            positive or was mixed up with it, if they are shares of the image, or if
            the matrix is none of a camera, as a transposed one.
    """
    below = [*K[2], K[1, 0]]
    if np.abs(np.subtract(below, (0, 0, 1, 0))).max() > 1e-6:
        transposed = " It is transposed" if K[2, 0] > 1 and K[0, 2] == 0 else ""
        raise ValueError(
            f"intrinsics {name} have the rows {K.tolist()}, expected fx 0 cx, 0 fy cy, "
            f"0 0 1.{transposed}"
        )
    refuse_shares(K, size, name)
    center = K[:2, 2] / np.array(size)
    if (np.abs(center - 0.5) > 0.25).any() or (K[[0, 1], [0, 1]] <= 0).any():
        fit = fitting_size(K, size)
        remedy = "Write those of the images beside it"
        if fit:
            remedy = (
                f"They fit images of {fit[0]}x{fit[1]}: say so with --intrinsics-size "
                f"{fit[0]}x{fit[1]}, or write those of the images"
            )
        raise ValueError(
            f"intrinsics {name} do not belong to an image of {size[0]}x{size[1]}: "
            f"fx={K[0, 0]:g} fy={K[1, 1]:g} cx={K[0, 2]:g} cy={K[1, 2]:g}, expected "
            f"the principal point in the middle half. {remedy}"
        )
    (fx, fy), (cx, cy) = K[[0, 1], [0, 1]], K[:2, 2]
    # A camera may see 90 degrees, which makes f = c, but not along one axis alone.
    for focal, other, center, axis in ((fx, fy, cx, "x"), (fy, fx, cy, "y")):
        if abs(focal / center - 1) < 0.01 and abs(other / focal - 1) > 0.2:
            raise ValueError(
                f"intrinsics {name} have f{axis}={focal:g}, which is c{axis}, and "
                f"{other:g} for the other axis: the principal point was read or "
                "written as a focal length. Expected rows fx 0 cx, 0 fy cy, 0 0 1"
            )


def refuse_shares(K: NDArray[np.float64], size: Sequence[int], name: str) -> None:
    """Refuse intrinsics in shares of an image of ``size`` (W, H), not in pixels.

    Raises:
        ValueError: If no focal length and no principal point can be pixels.
    """
    center, focal = K[:2, 2], K[[0, 1], [0, 1]]
    # Shares of a format that counts from the corner come with half a pixel less.
    if (np.abs(center) <= 1).all() and (10 * focal < size).all():
        raise ValueError(
            f"intrinsics {name} are normalised: the focal lengths {focal.tolist()} and "
            f"the principal point {center.tolist()} are shares of the image of "
            f"{size[0]}x{size[1]}, expected pixels. Multiply the first row by the "
            "width and the second by the height"
        )


def fitting_size(
    K: NDArray[np.float64], size: tuple[int, int]
) -> tuple[int, int] | None:
    """(W, H) of images that intrinsics were probably written for; None if unclear.

    The principal point must lie near the middle of images of a usual size, or of
    ``size`` (W, H) enlarged or reduced.
    """
    if (K[:2, 2] <= 0).any() or (K[[0, 1], [0, 1]] <= 0).any():
        return None
    scaled = [(round(f * size[0]), round(f * size[1])) for f in FACTORS]
    sizes = [*scaled, *USUAL_SIZES, *(one[::-1] for one in USUAL_SIZES)]
    off = [np.abs(np.log((2 * K[:2, 2] + 1) / np.array(one))).max() for one in sizes]
    best = int(np.argmin(off))
    return sizes[best] if off[best] < NEAR_MIDDLE else None
