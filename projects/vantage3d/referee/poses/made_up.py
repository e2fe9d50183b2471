"""Trajectories for self-tests, and broken answers to them."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from vantage3d.geometry import invert_rigid
from vantage3d.referee.poses.readers import Trajectory
from vantage3d.referee.task import Broken

UNITS, FRAMES = 3, 40
Poses = NDArray[np.float64]
Paths = Mapping[str, Trajectory]


def units() -> dict[str, Trajectory]:
    """Drives of some hundred metres that wind and climb a little."""
    found = {}
    for number in range(UNITS):
        rng = np.random.default_rng(number)
        turns = rng.normal(0, [1, 4, 1], (FRAMES, 3))
        poses = np.tile(np.eye(4), (FRAMES, 1, 1))
        for i in range(1, FRAMES):
            step = np.eye(4)
            step[:3, :3] = Rotation.from_euler(
                "xyz", turns[i], degrees=True
            ).as_matrix()
            step[:3, 3] = rng.normal([0, 0, 8], [1, 1, 2])
            poses[i] = poses[i - 1] @ step
        found[f"drive_{number:04d}"] = Trajectory(poses)
    return found


def broken() -> dict[str, Broken]:
    """Wrong answers by name.

    Those with one thing right stay out (another scale, the mirror image, the way back):
    they are rightly above a trivial row in a figure that does not see what is wrong.
    """
    found: dict[str, Callable[[Paths], Paths]] = {
        "shifted by twenty frames": _each(lambda p: np.roll(p, 20, axis=0)),
        "no motion": _each(lambda p: np.tile(np.eye(4), (len(p), 1, 1))),
        "world to camera": _each(invert_rigid),
        "rows for columns": _each(lambda p: np.swapaxes(p, 1, 2)),
        "random": _each(_random),
        "NaN": _each(lambda p: np.full_like(p, np.nan)),
        "NaN in one frame": _each(_lost),
        "zeros": _each(np.zeros_like),
        "left-handed": _each(lambda p: p * np.array([-1.0, 1, 1, 1])),
        "rotations scaled": _each(lambda p: p * np.array([1.1, 1.1, 1.1, 1])),
        "one frame less": _each(lambda p: p[:-1]),
        "nothing": _each(lambda p: p[:0]),
    }
    return dict(found)


def _each(change: Callable[[Poses], Poses]) -> Callable[[Paths], Paths]:
    return lambda truths: {
        name: Trajectory(np.ascontiguousarray(change(one.poses)))
        for name, one in truths.items()
    }


def _lost(poses: Poses) -> Poses:
    found = poses.copy()
    found[7, :3, 3] = np.nan
    return found


def _random(poses: Poses) -> Poses:
    rng = np.random.default_rng(1)
    found = np.tile(np.eye(4), (len(poses), 1, 1))
    found[:, :3, :3] = Rotation.random(len(poses), rng=rng).as_matrix()
    found[:, :3, 3] = rng.normal(0, 100, (len(poses), 3))
    return found
