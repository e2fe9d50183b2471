"""Trajectories for self-tests, and broken answers to them."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from vantage3d.referee.task import Broken

from vantage3d.geometry import invert_rigid
from vantage3d.referee.poses.readers import Trajectory

UNITS, FRAMES = 4, 60
Poses = NDArray[np.float64]
Paths = Mapping[str, Trajectory]


def units() -> dict[str, Trajectory]:
    """Paths of some hundred metres through space, that wind, climb and turn."""
    found = {}
    for number in range(UNITS):
        rng = np.random.default_rng(number)
        turns = rng.normal(0, 12, (FRAMES, 3))
        poses = np.tile(np.eye(4), (FRAMES, 1, 1))
        for i in range(1, FRAMES):
            step = np.eye(4)
            step[:3, :3] = Rotation.from_euler(
                "xyz", turns[i], degrees=True
            ).as_matrix()
            step[:3, 3] = rng.normal([0, 0, 2], 3)
            poses[i] = poses[i - 1] @ step
        found[f"drive_{number:04d}"] = Trajectory(poses)
    return found


def broken(lengths: bool) -> dict[str, Broken]:
    """Wrong answers by name; of another scale only where lengths are judged."""
    found: dict[str, Callable[[Paths], Paths]] = {
        "of another sequence": _shifted,
        "shifted by twenty frames": _each(lambda p: np.roll(p, 20, axis=0)),
        "no motion": _each(lambda p: np.tile(np.eye(4), (len(p), 1, 1))),
        "world to camera": _each(invert_rigid),
        "mirrored": _each(_mirrored),
        "order reversed": _each(lambda p: p[::-1]),
        "order shuffled": _each(_shuffled),
        "axes of OpenGL": _each(_opengl),
        "NaN": _each(lambda p: np.full_like(p, np.nan)),
        "zeros": _each(np.zeros_like),
        "random": _each(_random),
        "one frame less": _each(lambda p: p[:-1]),
    }
    if lengths:
        found["scaled by ten"] = _each(_scaled)
    return found


def _each(change: Callable[[Poses], Poses]) -> Callable[[Paths], Paths]:
    return lambda truths: {
        name: Trajectory(np.ascontiguousarray(change(one.poses)))
        for name, one in truths.items()
    }


def _shifted(truths: Paths) -> Paths:
    names = list(truths)
    return {name: truths[other] for name, other in zip(names, names[1:] + names[:1])}


def _mirrored(poses: Poses) -> Poses:
    flip = np.diag([-1.0, 1, 1, 1])
    return flip @ poses @ flip


def _shuffled(poses: Poses) -> Poses:
    return np.random.default_rng(0).permutation(poses)


def _opengl(poses: Poses) -> Poses:
    """Motion in the axes of one convention, orientations in those of the other."""
    turned = poses @ np.diag([1.0, -1, -1, 1])
    turned[:, :3, 3] = poses[:, :3, 3] * [1, -1, -1]
    return turned


def _random(poses: Poses) -> Poses:
    rng = np.random.default_rng(1)
    found = np.tile(np.eye(4), (len(poses), 1, 1))
    found[:, :3, :3] = Rotation.random(len(poses), rng=rng).as_matrix()
    found[:, :3, 3] = rng.normal(0, 100, (len(poses), 3))
    return found


def _scaled(poses: Poses) -> Poses:
    found = poses.copy()
    found[:, :3, 3] *= 10
    return found
