"""Scenes whose prediction is the truth of a synthetic room."""

from functools import cache

import numpy as np

from vantage3d.results import FramePrediction, Instances, ScenePrediction
from vantage3d.synthetic.rooms.filming import Job, film, sensor_intrinsics

SIZE = (160, 120)
LEAST = 40  # pixels of a mask


@cache
def room_scene(seed: int = 5, count: int = 4, size: tuple[int, int] = SIZE):
    """A room and its filmed scene: depth, poses and masks are exact."""
    room, views = film(Job(seed, tuple(range(0, 100 * count, 100)), size))
    frames = []
    for view in views:
        ids = view.frame.instance
        shown = [n for n in np.unique(ids[ids > 0]) if (ids == n).sum() >= LEAST]
        names = sorted({room.categories[n - 1].name for n in shown})
        found = Instances(
            np.stack([ids == n for n in shown]),
            np.linspace(0.95, 0.6, len(shown), dtype=np.float32),
            np.array([names.index(room.categories[n - 1].name) for n in shown]),
            tuple(names),
        )
        depth = view.frame.depth.astype(np.float32)
        frames.append(
            FramePrediction(
                f"{view.number:05d}",
                view.frame.color,
                sensor_intrinsics(size),
                depth,
                1 / np.maximum(depth, 0.1),
                view.cam2world,
                view.number / 30,
                found,
            )
        )
    return room, ScenePrediction("room", frames)


def distance_to(room, points: np.ndarray) -> np.ndarray:
    """(N,) upper bounds of distances to the room's surfaces, metres, inf beyond 0.1."""
    found = np.full(len(points), np.inf)
    solids = [(solid, solid.to_local(points)) for solid in room.solids]
    for margin in (0.1, 0.02, 0.01, 0.005, 0.002, 0.001, 5e-4, 5e-5):
        near, deep = (
            np.any([s.contains(local, m) for s, local in solids], axis=0)
            for m in (margin, -margin)
        )
        found[near & ~deep] = margin
    return found
