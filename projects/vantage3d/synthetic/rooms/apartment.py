"""An apartment that one can walk around in: a ring of rooms about a core of walls."""

import numpy as np

from vantage3d.geometry import look_at
from vantage3d.synthetic.render.materials import paint
from vantage3d.synthetic.render.solids import Floats
from vantage3d.synthetic.rooms.floor_plan import Pose
from vantage3d.synthetic.rooms.furniture import HANGING, STANDING
from vantage3d.synthetic.rooms.furniture.piece import Generator, Piece, box
from vantage3d.synthetic.rooms.room import (
    Room,
    begin_room,
    finish_room,
    room_shell,
)

SIZE = (10.0, 8.0, 2.6)  # metres inside
CORE = (2.4, 1.6)  # half width and depth of the walls in the middle
PATH = (3.7, 2.8)  # half axes of the way around it
SQUARENESS = 4  # of the way: 2 is an ellipse
EYE = 1.5  # metres above the floor
ALONG_WALLS = (
    "bookshelf", "cabinet", "dresser", "tv stand", "bench", "nightstand", "suitcase",
)  # fmt: skip
PIECES, PICTURES = 36, 40  # that are tried
THEME = 7  # of the generators of rooms; see ``begin_room``


def make_apartment(seed: int) -> Room:
    """A furnished ring, the same for the same seed.

    Raises:
        ValueError: If ``seed`` is negative.
    """
    plan, rng = begin_room((seed, THEME), SIZE, SIZE)
    room_shell(plan, rng)
    x, y = CORE
    wall = box((-x, -y, 0.0), (x, y, SIZE[2]), paint(rng))
    plan.add(Piece("wall", (wall,)), Pose(0.0, 0.0, 0.0, 0.0))
    for number in range(PIECES):
        side, name = number % 4, str(rng.choice(ALONG_WALLS))
        piece = STANDING[name](rng)
        reach = (plan.wall_length(side) - piece.size[0]) / 2 - 0.05
        along = float(rng.uniform(-reach, reach))
        plan.stand(piece, plan.wall_pose(side, along, 0.03 + piece.size[1] / 2))
    for number in range(PICTURES):
        piece = HANGING["picture"](rng)
        height = float(rng.uniform(1.2, 1.7))
        if number % 2:
            side = number // 2 % 4
            reach = 0.5 * plan.wall_length(side)
            plan.hang(piece, side, float(rng.uniform(-reach, reach)), height)
        elif number < 32:
            plan.add(piece, _on_the_core(rng, number // 2)._replace(z=height))
    return finish_room(plan, rng, 0.8)


def _on_the_core(rng: Generator, number: int) -> Pose:
    """A place on the outside of the core, four on each of its sides."""
    side, place = number % 4, number // 4
    width, away = (CORE[0], CORE[1]) if side % 2 == 0 else (CORE[1], CORE[0])
    along = width * ((place + 0.5) / 2 - 1) + float(rng.uniform(-0.05, 0.05))
    return Pose(0.0, 0.0, 0.0, side * np.pi / 2).offset(along, away)


def walk_around(frames: int, rounds: float = 1.0) -> Floats:
    """(N, 4, 4) cam2world of a walk around the core at an even pace, looking ahead."""
    angle = np.linspace(0, 2 * np.pi * rounds, 40 * frames)
    c, s = np.cos(angle), np.sin(angle)
    power = 2 / SQUARENESS
    places = np.stack(
        [
            PATH[0] * np.sign(c) * np.abs(c) ** power,
            PATH[1] * np.sign(s) * np.abs(s) ** power,
        ],
        axis=1,
    )
    way = np.cumsum(np.linalg.norm(np.diff(places, axis=0, prepend=places[:1]), axis=1))
    steps = np.linspace(0, way[-1], frames + 1)[:frames]
    eyes = np.stack([np.interp(steps, way, places[:, i]) for i in (0, 1)], axis=1)
    ahead = [np.interp(steps + 0.8, way, places[:, i]) for i in (0, 1)]
    poses = []
    for number, eye in enumerate(eyes):
        target = np.array([ahead[0][number], ahead[1][number], EYE - 0.08])
        outwards = np.append(eye, 0) / np.linalg.norm(eye)
        sway = 0.35 + 0.25 * np.sin(0.09 * number)
        height = EYE + 0.03 * np.sin(0.4 * number)
        start = np.append(eye, height)
        poses.append(look_at(start, target + sway * outwards, np.array([0, 0, 1.0])))
    return np.stack(poses)
