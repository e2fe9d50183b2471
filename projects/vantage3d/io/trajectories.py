"""Tables of text: timestamps with files, and trajectories with quaternions (TUM)."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation, Slerp

from vantage3d.io.text import read_table

MAX_GAP_S = 0.1  # between two poses, across which none is interpolated
# Of moments with two poses: TUM's fr2_desk has one in 20957, an appended file all.
MOST_REPEATED = 0.01


def read_trajectory(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A trajectory of lines ``timestamp tx ty tz qx qy qz qw``, camera to world.

    Where two poses are of one moment the first one counts.

    Returns:
        (N,) ascending seconds, and (N, 4, 4) transforms.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If a line is no pose, a quaternion is far from unit length, or more
            than 1 % of the moments have two different poses.
    """
    try:
        rows = np.array([row[:8] for row in read_table(path, 8)], np.float64)
    except ValueError as error:
        raise ValueError(f"{path} is no trajectory: {error}") from error
    rows = rows.reshape(-1, 8)
    different = np.unique(rows[np.isfinite(rows).all(1)], axis=0)
    again = np.flatnonzero(np.diff(different[:, 0]) == 0)
    if len(again) > MOST_REPEATED * len(different):
        raise ValueError(
            f"{path} has two poses at {different[again[0], 0]:.17g} s, and at "
            f"{len(again)} times in all. Give each frame one: was a file appended?"
        )
    return trajectory_of(rows, str(path))


def trajectory_of(
    rows: NDArray[np.float64], name: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds and transforms of a table, as :func:`read_trajectory` gives them.

    Args:
        rows: (N, 8) timestamp tx ty tz qx qy qz qw; those that are not finite go.
        name: What they are of, for messages.

    Raises:
        ValueError: If a quaternion is far from unit length.
    """
    rows = rows[np.isfinite(rows).all(1)]
    lengths = np.linalg.norm(rows[:, 4:], axis=1)
    off = np.abs(lengths - 1)
    if (off > 0.05).any():
        raise ValueError(
            f"{name} has a quaternion of length {lengths[off.argmax()]:.3g}, expected "
            "1. Columns are: timestamp tx ty tz qx qy qz qw"
        )
    rows = rows[np.unique(rows[:, 0], return_index=True)[1]]
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    if len(rows):
        poses[:, :3, :3] = Rotation.from_quat(rows[:, 4:]).as_matrix()
    poses[:, :3, 3] = rows[:, 1:4]
    return rows[:, 0], poses


def pose_at(
    times: NDArray[np.float64], poses: NDArray[np.float64], time: float
) -> NDArray[np.float64] | None:
    """(4, 4) pose at a moment, between the two around it; None where they are far.

    Args:
        times: (N,) ascending seconds.
        poses: (N, 4, 4).
        time: Seconds.
    """
    after = int(np.searchsorted(times, time))
    if after < len(times) and times[after] == time:
        return poses[after]
    if not 0 < after < len(times) or times[after] - times[after - 1] > MAX_GAP_S:
        return None
    pair = slice(after - 1, after + 1)
    share = (time - times[after - 1]) / (times[after] - times[after - 1])
    between = np.eye(4)
    turns = Rotation.from_matrix(poses[pair, :3, :3])
    between[:3, :3] = Slerp([0, 1], turns)(share).as_matrix()
    between[:3, 3] = (1 - share) * poses[after - 1, :3, 3] + share * poses[after, :3, 3]
    return between


def read_matrices(path: Path) -> NDArray[np.float64]:
    """(N, 4, 4) matrices of a text file, each a row of 16 numbers or 4 rows of 4.

    Values may be NaN or infinite, where a tracker was lost.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it has other rows, or words that are no numbers.
    """
    rows = read_table(path, 1)
    lengths = {len(row) for row in rows}
    if lengths != {16} and not (lengths == {4} and len(rows) % 4 == 0):
        raise ValueError(
            f"{path} has {len(rows)} rows of {', '.join(map(str, sorted(lengths)))} "
            "numbers, expected 16 per row, or 4 rows of 4, for each frame's 4x4 matrix"
        )
    try:
        return np.array(rows, np.float64).reshape(-1, 4, 4)
    except ValueError as error:
        raise ValueError(f"{path} holds no matrices of numbers: {error}") from None
