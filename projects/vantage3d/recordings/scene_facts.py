"""What posed depth maps tell in plain words: the size of the room, which way is up."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import unproject
from vantage3d.recordings.findings import Finding

LARGEST = 10.0  # metres that the views of one room span
SMALLEST = 0.5
MIDDLE = (2, 98)  # percentiles of points between which a room extends
STRIDE = 4  # of pixels
UPRIGHT_DEG = 30.0  # of the cameras' mean up vector from an axis of the world
FACTORS = (5.0, 10.0, 6.5535, 1 / 5, 1 / 10)  # of a depth scale that was mistaken
ROOM = 4.0  # metres that the views of a room usually span
AXES = "xyz"


def room_size(
    depths: Sequence[NDArray[np.float32]],
    Ks: Sequence[NDArray[np.float64]],
    poses: Sequence[NDArray[np.float64]],
) -> NDArray[np.float64]:
    """(3,) metres that the points of some views span along the axes of the world.

    Args:
        depths: (H, W) metres, 0 = missing.
        Ks: (3, 3) each.
        poses: (4, 4) camera to world.
    """
    parts = []
    for depth, K, pose in zip(depths, Ks, poses):
        points = unproject(depth.astype(np.float64), K, pose)[::STRIDE, ::STRIDE]
        parts.append(points[depth[::STRIDE, ::STRIDE] > 0])
    low, high = np.percentile(np.concatenate(parts), MIDDLE, axis=0)
    return np.asarray(high - low)


def size_facts(size: NDArray[np.float64], scale: float) -> list[Finding]:
    """The extent of what was seen, and whether it can be a room.

    Args:
        size: (3,) metres.
        scale: Units of the depth maps per metre.
    """
    words = " x ".join(f"{side:.1f}" for side in size)
    text, side = f"the views span {words} m", float(size.max())
    if SMALLEST <= side <= LARGEST:
        return [Finding("info", text)]
    factor = min(FACTORS, key=lambda factor: abs(np.log(side / factor / ROOM)))
    question = f"a room of {side:.1f} m: is the depth scale {scale * factor:g}?"
    if side / factor > LARGEST:
        question = f"{side:.0f} m are more than a room: are lengths in metres?"
    remedy = f"--depth-scale {scale * factor:g}, or --pose-units 1000 for millimetres"
    return [Finding("warning", f"{text}; {question}", remedy)]


def world_up(poses: NDArray[np.float64]) -> NDArray[np.float64]:
    """(3,) axis of the world that is up, by where the cameras have their upper side.

    +z, as most recordings have it, unless the cameras' mean is more than 60 degrees
    off, and the nearest axis then.

    Args:
        poses: (N, 4, 4) camera to world, OpenCV axes.
    """
    mean = -poses[:, :3, 1].mean(axis=0)  # y of a camera is down
    up = np.zeros(3)
    axis = 2 if mean[2] >= 0.5 * np.linalg.norm(mean) else int(np.abs(mean).argmax())
    up[axis] = 1.0 if axis == 2 and mean[2] >= 0 else np.sign(mean[axis])
    return up


def up_facts(poses: NDArray[np.float64]) -> list[Finding]:
    """Which axis of the world is up, by where the cameras have their upper side.

    Args:
        poses: (N, 4, 4) camera to world, OpenCV axes.
    """
    ups = -poses[:, :3, 1]  # y of a camera is down
    mean = ups.mean(axis=0)
    length = float(np.linalg.norm(mean))
    if length < 0.5:
        text = "the cameras are turned in all directions: which way is up is not known"
        return [Finding("info", text)]
    axis = int(np.abs(mean).argmax())
    cosine = abs(mean[axis]) / length
    off = float(np.degrees(np.arccos(np.clip(cosine, 0, 1))))
    name = f"{'-' if mean[axis] < 0 else '+'}{AXES[axis]}"
    if off > UPRIGHT_DEG:
        text = f"no axis of the world is up: the cameras' mean is {off:.0f} degrees off"
        return [Finding("info", f"{text} {name}")]
    text = f"{name} of the world is up, {off:.0f} degrees from the cameras' mean"
    return [Finding("info", text)]
