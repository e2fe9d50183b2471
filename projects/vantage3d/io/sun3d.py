"""SUN3D's files: times in the names of images, poses of a whole sequence."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.io.folders import listing
from vantage3d.io.text import read_text, split_words

MAX_ANGLE_DEG, MAX_STEP = 5.0, 0.1  # median between two frames of 30 Hz, metres
TURNED_DEG = 60.0  # a wrong stride turns by 120
Poses = NDArray[np.float64]


def times_us(names: Sequence[str]) -> NDArray[np.int64] | None:
    """Microseconds of images ``<number>-<microseconds>``; None where one is not."""
    times = [m[1] for name in names if (m := re.fullmatch(r"\d+-(\d+)", name))]
    return np.array(times, np.int64) if len(times) == len(names) else None


def nearest_in_time(
    images: NDArray[np.int64], depths: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The depth image of every colour image.

    Args:
        images: (N,) ascending times in microseconds.
        depths: (M,) ascending times in microseconds, M > 0.

    Returns:
        (N,) index in ``depths``, and (N,) how far away it is in microseconds.
    """
    after = np.clip(np.searchsorted(depths, images), 0, len(depths) - 1)
    before = np.maximum(after - 1, 0)
    earlier = images - depths[before] <= np.abs(depths[after] - images)
    chosen = np.where(earlier, before, after)
    return chosen, np.abs(depths[chosen] - images)


def last_extrinsics(folder: Path) -> Path:
    """The newest file of poses; their names are dates.

    Raises:
        FileNotFoundError: If there is none.
    """
    files = [path for path in listing(folder) if path.suffix == ".txt"]
    if not files:
        raise FileNotFoundError(
            f"{folder} holds no file of poses such as 20130512130736.txt. Download the "
            "extrinsics of the sequence"
        )
    return files[-1]


def read_poses(path: Path, images: int) -> Poses:
    """(N, 4, 4) camera-to-world poses; not finite where the tracking was lost.

    Args:
        path: Three rows of four numbers per image.
        images: Number N of colour images.

    Raises:
        ValueError: If the file has another number of rows.
    """
    try:
        values = np.array(split_words(read_text(path)), np.float64)
    except ValueError as error:
        raise ValueError(f"poses {path} are no rows of numbers: {error}") from None
    if values.size != 12 * images:
        stride = ""
        if values.size == 16 * images:
            stride = ": these are 4 rows per image, as no released file has them"
        raise ValueError(
            f"poses {path} have {values.size / 4:g} rows of 4 numbers, expected 3 for "
            f"each of the {images} colour images = {3 * images}{stride}. Take images "
            "and extrinsics of one sequence as they were released"
        )
    poses = np.tile(np.eye(4), (images, 1, 1))
    poses[:, :3] = values.reshape(images, 3, 4)
    return poses


def check_continuity(
    poses: Poses, path: Path, frames_apart: float | None = None
) -> None:
    """Refuse poses that jump, as those read with a wrong stride do.

    Every block of three rows out of such a file is a rotation again, with its rows in
    another order: only the way from one frame to the next shows the mistake.

    Args:
        poses: (N, 4, 4) of consecutive images.
        path: Their file, for the message.
        frames_apart: Frames of a 30 Hz stream between two images at the median; None
            if it is not known.

    Raises:
        ValueError: If the median turn or step is impossible for a camera in a hand.
    """
    poses = poses[np.isfinite(poses).all(axis=(1, 2))]
    if len(poses) < 2:
        return
    turns = np.swapaxes(poses[:-1, :3, :3], 1, 2) @ poses[1:, :3, :3]
    cosine = (np.trace(turns, axis1=1, axis2=2) - 1) / 2
    angle = float(np.median(np.degrees(np.arccos(np.clip(cosine, -1, 1)))))
    step = float(np.median(np.linalg.norm(np.diff(poses[:, :3, 3], axis=0), axis=1)))
    angle_limit, step_limit = TURNED_DEG, np.inf
    if frames_apart is not None:
        angle_limit = min(TURNED_DEG, MAX_ANGLE_DEG * frames_apart)
        step_limit = MAX_STEP * frames_apart
    if angle > angle_limit or step > step_limit:
        raise ValueError(
            f"poses {path} jump: at the median the camera turns by {angle:.1f} degrees "
            f"and moves by {step:.3g} m from one image to the next, expected at most "
            f"{angle_limit:.3g} degrees and {step_limit:.3g} m. Were they written or "
            "read with a wrong number of rows per frame? SUN3D has 3"
        )
