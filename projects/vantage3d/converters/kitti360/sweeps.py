"""Sweeps of the scanner: reading, motion compensation, accumulation in the world."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vantage3d.geometry import invert_rigid

Points = NDArray[np.float64]
NEAREST = 2.5  # metres; nearer returns are the car itself


def read_sweep(path: str | Path) -> NDArray[np.float32]:
    """(N, 4) x, y, z in metres and reflectance.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is truncated.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"sweep {path} is missing. Download it again.")
    data = path.read_bytes()
    if not data or len(data) % 16:
        raise ValueError(
            f"sweep {path} has {len(data)} bytes, expected a multiple of 16 above 0. "
            "Download it again."
        )
    points = np.frombuffer(data, "<f4").reshape(-1, 4)
    return points[np.isfinite(points).all(axis=1)]


def compensate(
    points: Points, previous: Points | None, following: Points | None
) -> Points:
    """Points as if all were measured when the scanner looked straight ahead.

    The scanner turns counter-clockwise and looks ahead in the middle of its sweep, so a
    point at azimuth a was measured a / 2 pi of a sweep away from then. The motion is
    taken as constant from the middle to the next frame, and from the last frame to it.

    Args:
        points: (N, 3) in the scanner's axes of the moment each was measured.
        previous: (4, 4) pose of the scanner one sweep earlier, in its axes at the
            middle of this one; None to continue the motion that follows.
        following: Likewise one sweep later.

    Returns:
        (N, 3) in the scanner's axes at the middle of the sweep.
    """
    if previous is None and following is None:
        return points
    after = following if following is not None else invert_rigid(previous)
    before = previous if previous is not None else invert_rigid(following)
    share = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi)
    moved = np.empty_like(points)
    for chosen, motion in ((share >= 0, after), (share < 0, before)):
        moved[chosen] = _along(points[chosen], np.abs(share[chosen]), motion)
    return moved


def _along(points: Points, share: Points, motion: Points) -> Points:
    """(N, 3) points moved by a share (N,) of a small rigid ``motion``.

    Rotation to second order: at 3 degrees per sweep and 80 m the rest is below 1 mm.
    """
    turn = Rotation.from_matrix(motion[:3, :3]).as_rotvec() * share[:, None]
    first = np.cross(turn, points)
    second = np.cross(turn, first)
    return points + first + 0.5 * second + share[:, None] * motion[:3, 3]


def sweep_in_world(
    sweep: NDArray[np.float32],
    frame: int,
    velo2world: Mapping[int, Points],
    moving: bool = True,
) -> Points:
    """(N, 3) world points of a sweep, without the car itself.

    Args:
        sweep: (N, 4) as read.
        frame: Its number; ``velo2world`` must have it.
        velo2world: (4, 4) pose of the scanner at the frames with a pose.
        moving: Compensate the motion, where the frame before or after has a pose.
    """
    points = sweep[:, :3].astype(np.float64)
    points = points[np.einsum("nc,nc->n", points, points) > NEAREST**2]
    here = velo2world[frame]
    if moving:
        neighbours = [
            invert_rigid(here) @ velo2world[other] if other in velo2world else None
            for other in (frame - 1, frame + 1)
        ]
        points = compensate(points, *neighbours)
    return points @ here[:3, :3].T + here[:3, 3]
