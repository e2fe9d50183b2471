"""A box seen from inside by a camera that walks once around, all in closed form."""

import numpy as np

from vantage3d.geometry import (
    invert_rigid,
    look_at,
    pixel_grid,
    project,
    unproject_pixels,
)
from vantage3d.synthetic.disturbed import Disturbance, DisturbedTruth

HALF = np.array([4.0, 3.0, 1.5])  # metres
SIZE = (40, 30)
K = np.array([[26.0, 0, 19.5], [0, 26.0, 14.5], [0, 0, 1]])


def tour(count: int, turns: float = 1.0) -> np.ndarray:
    """(N, 4, 4) cam2world of a walk along an ellipse, looking ahead and outwards."""
    poses = []
    for angle in 2 * np.pi * turns * np.arange(count) / count:
        eye = np.array(
            [2.4 * np.cos(angle), 1.6 * np.sin(angle), 0.2 * np.sin(3 * angle)]
        )
        ahead = np.array([np.cos(angle + 0.9), np.sin(angle + 0.9), 0.1])
        poses.append(look_at(eye, eye + ahead, np.array([0.0, 0, 1])))
    return np.stack(poses)


def depth_of(pose: np.ndarray) -> np.ndarray:
    """(H, W) z-depth of the walls."""
    rays = pixel_grid(SIZE[1], SIZE[0], K).reshape(-1, 2)
    rays = unproject_pixels(rays, np.ones(len(rays)), K, pose) - pose[:3, 3]
    with np.errstate(divide="ignore"):
        far = np.where(
            rays > 0, (HALF - pose[:3, 3]) / rays, (-HALF - pose[:3, 3]) / rays
        )
    return np.where(np.isfinite(far), far, np.inf).min(1).reshape(SIZE[1], SIZE[0])


def world(
    poses: np.ndarray, wrong: Disturbance | None = None, seed: int = 0
) -> DisturbedTruth:
    """A network that knows the box, disturbed; features are where a camera is."""

    def features(frame: int) -> np.ndarray:
        return np.concatenate([poses[frame][:3, 3], 2 * poses[frame][:3, 2]])

    return DisturbedTruth(
        lambda frame: depth_of(poses[frame]),
        K,
        poses,
        features,
        wrong or Disturbance(),
        seed,
    )


def true_matcher(poses: np.ndarray):
    """Pixels of two frames that show the same point: what a perfect matcher finds."""

    def match(first: int, second: int) -> tuple[np.ndarray, np.ndarray]:
        grid = pixel_grid(SIZE[1], SIZE[0], K)[2:-2:3, 2:-2:3].reshape(-1, 2)
        x, y = grid.astype(int).T
        depth = depth_of(poses[first])[y, x]
        points = unproject_pixels(grid, depth, K, poses[first])
        pixels, z = project(points, K, invert_rigid(poses[second]))
        seen = (z > 0) & ((pixels > 1) & (pixels < np.array(SIZE) - 2)).all(1)
        return grid[seen], pixels[seen]

    return match
