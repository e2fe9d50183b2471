"""Rooms whose instances are flush: geometry does not tell them apart, texture does.

Wall units and stacks are cut into panels that end in one plane; some panels hold a
picture let into their front.
"""

import numpy as np
from numpy.typing import NDArray

from vantage3d.synthetic.rooms.floor_plan import FloorPlan, random_pose
from vantage3d.synthetic.rooms.furniture.panels import TEXTURES, panels
from vantage3d.synthetic.rooms.furniture.piece import Generator
from vantage3d.synthetic.rooms.room import (
    TRIES,
    Room,
    begin_room,
    finish_room,
    room_shell,
)

FLUSH = ("cabinet", "box", "picture")


def make_flush_room(seed: int) -> Room:
    """A room of wall units and stacks, the same for the same seed.

    Args:
        seed: Any non-negative integer.

    Raises:
        ValueError: If ``seed`` is negative.
    """
    plan, rng = begin_room((seed, 4), (3.2, 3.2, 2.4), (4.2, 4.2, 2.8))
    room_shell(plan, rng)
    for wall in rng.permutation(4).tolist():
        _wall_unit(plan, rng, wall)
    for _ in range(2):
        _stack(plan, rng)
    return finish_room(plan, rng, 0.5)


def _wall_unit(plan: FloorPlan, rng: Generator, wall: int) -> None:
    """A unit with its back to a wall, if a place is found."""
    for _ in range(TRIES):
        half = float(rng.uniform(0.7, 1.2)), float(rng.uniform(0.15, 0.25))
        unit = panels(rng, "cabinet", half, float(rng.uniform(1.4, 2.1)), 0.5)
        reach = plan.wall_length(wall) / 2 - half[0] - 0.05
        along = float(rng.uniform(-reach, reach)) if reach > 0 else 0.0
        if plan.stand_together(unit, plan.wall_pose(wall, along, 0.03 + half[1])):
            return


def _stack(plan: FloorPlan, rng: Generator) -> None:
    """Boxes stacked flush, if a place is found."""
    for _ in range(TRIES):
        half = float(rng.uniform(0.3, 0.45)), float(rng.uniform(0.15, 0.3))
        stack = panels(rng, "box", half, float(rng.uniform(0.6, 1.0)), 0.4)
        if plan.stand_together(stack, random_pose(plan, rng)):
            return


def texture_ids(room: Room) -> NDArray[np.int64]:
    """(I + 1,) texture class of instance 0 = none, 1, 2, ...

    0 is everything outside the flush pieces, else 1 + the index in ``TEXTURES``.
    """
    ids = np.zeros(len(room.categories) + 1, np.int64)
    for solid in room.solids:
        if room.categories[solid.instance - 1].name in FLUSH:
            ids[solid.instance] = 1 + TEXTURES.index(solid.material.pattern)
    return ids
