"""The grammar of rooms: what stands where in a bedroom, an office, a kitchen ..."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from vantage3d.synthetic.render.materials import flooring, lacquer, paint
from vantage3d.synthetic.render.scene import Lamp, Scene
from vantage3d.synthetic.render.solids import Floats, Solid
from vantage3d.synthetic.rooms.floor_plan import FloorPlan, Pose, random_pose
from vantage3d.synthetic.rooms.furniture import HANGING, ON_TOP, STANDING
from vantage3d.synthetic.rooms.furniture.piece import Generator, Piece, Top, box

THICKNESS = 0.1
TRIES = 12
Corner = tuple[float, float, float]
SHELL = ("wall", "floor", "ceiling")


@dataclass(frozen=True)
class Style:
    """What a kind of room contains."""

    # (name, companion, how often): pieces against a wall, and what is before or beside
    anchors: tuple[tuple[str, str | None, int], ...]
    free: tuple[str, ...]  # pieces anywhere on the floor
    walls: tuple[str, ...]  # things to hang


DESKS = 2 * (("desk", "office chair", 1),)
SHELVES = (("tv stand", None, 1), ("bookshelf", None, 1), ("cabinet", None, 1))
STYLES = {
    "bedroom": Style(
        (("bed", "nightstand", 2), ("wardrobe", None, 1), ("dresser", None, 1)),
        ("plant", "armchair", "suitcase", "ottoman", "lamp", "box"),
        ("window", "curtain", "picture", "picture"),
    ),
    "office": Style(
        (*DESKS, ("bookshelf", None, 1), ("cabinet", None, 1)),
        ("trash can", "box", "plant", "chair", "suitcase"),
        ("whiteboard", "window", "picture", "radiator"),
    ),
    "living room": Style(
        (("couch", "coffee table", 1), *SHELVES),
        ("armchair", "plant", "lamp", "ottoman", "stool", "box"),
        ("picture", "window", "curtain", "picture", "radiator"),
    ),
    "kitchen": Style(
        (("refrigerator", None, 1), ("cabinet", None, 1), ("cabinet", None, 1)),
        ("trash can", "stool", "box", "plant", "bench"),
        ("window", "picture", "picture", "radiator"),
    ),
}


@dataclass(frozen=True, eq=False)
class Room(Scene):
    """A scene with four walls, axis-aligned, floor at z = 0, centred on the origin."""

    size: Floats  # (3,) inner width (x), depth (y) and height (z) in metres

    @cached_property
    def inner(self) -> list[Solid]:
        """What is in the room: all but its shell."""
        names = [category.name for category in self.categories]
        return [s for s in self.solids if names[s.instance - 1] not in SHELL]

    @cached_property
    def lamp(self) -> Lamp:
        """The light; the room's own shell throws no shadows into it."""
        return Lamp(self.inner, self.light)

    @property
    def bounds(self) -> tuple[Floats, Floats]:
        """Low and high corner of the inner space."""
        half = self.size * [0.5, 0.5, 1.0]
        return half * [-1.0, -1.0, 0.0], half


def make_room(seed: int) -> Room:
    """A room with furniture, the same for the same seed.

    Raises:
        ValueError: If ``seed`` is negative.
    """
    plan, rng = begin_room((seed, 0), (3.4, 3.4, 2.4), (5.2, 5.2, 2.8))
    style = STYLES[str(rng.choice(list(STYLES)))]
    room_shell(plan, rng)
    _hang(plan, rng, "door")
    if "refrigerator" in style.anchors[0]:
        _dining_group(plan, rng)
    for name, companion, count in style.anchors:
        _against_wall(plan, rng, name, companion, count)
    for name in rng.permutation(style.free)[: rng.integers(3, 6)]:
        _free(plan, rng, str(name))
    for name in style.walls:
        _hang(plan, rng, name)
    return finish_room(plan, rng, 0.8)


def begin_room(
    seed: tuple[int, int], smallest: Corner, largest: Corner
) -> tuple[FloorPlan, Generator]:
    """An empty plan and the generator that its room is drawn from.

    ``seed`` is that of the room with the number of its theme; inner width, depth and
    height are between ``smallest`` and ``largest``, metres.

    Raises:
        ValueError: If the seed of the room is negative.
    """
    if seed[0] < 0:
        raise ValueError(f"`seed` must not be negative, got {seed[0]}.")
    rng = np.random.default_rng(seed)
    return FloorPlan(rng.uniform(smallest, largest)), rng


def finish_room(plan: FloorPlan, rng: Generator, reach: float) -> Room:
    """The room of a plan, with a light up to ``reach`` metres from the middle."""
    light = np.array([*rng.uniform(-reach, reach, 2), plan.size[2] - 0.25])
    return Room(tuple(plan.solids), tuple(plan.categories), light, plan.size)


def room_shell(plan: FloorPlan, rng: Generator) -> None:
    """Floor, four walls, ceiling."""
    (x, y, h), t = plan.size / [2, 2, 1], THICKNESS
    ground, wall = flooring(rng), paint(rng)
    center = Pose(0.0, 0.0, 0.0, 0.0)
    slab = (-x - t, -y - t, -t), (x + t, y + t, 0.0)
    plan.add(Piece("floor", (box(*slab, ground),)), center)
    for side in range(4):
        half, pose = plan.wall_length(side) / 2, plan.wall_pose(side, 0.0, 0.0)
        plan.add(Piece("wall", (box((-half, -t, 0), (half + t, 0, h), wall),)), pose)
    white = lacquer(rng, (0.0, 0.05), (0.85, 0.97))
    slab = (-x - t, -y - t, h), (x + t, y + t, h + t)
    plan.add(Piece("ceiling", (box(*slab, white),)), center)


def _hang(plan: FloorPlan, rng: Generator, name: str) -> None:
    """Hang something somewhere, if a place is found."""
    heights = {"door": 0.0, "radiator": 0.12, "curtain": 0.08, "window": 0.9}
    for _ in range(TRIES):
        wall, piece = int(rng.integers(4)), HANGING[name](rng)
        along = rng.uniform(-0.5, 0.5) * plan.wall_length(wall)
        height = heights.get(name, float(rng.uniform(1.1, 1.5)))
        if plan.hang(piece, wall, float(along), height):
            return


def _against_wall(
    plan: FloorPlan, rng: Generator, name: str, companion: str | None, count: int
) -> None:
    """Stand a piece with its back to a wall, and its companions near it."""
    for _ in range(TRIES):
        wall, piece = int(rng.integers(4)), STANDING[name](rng)
        reach = (plan.wall_length(wall) - piece.size[0]) / 2 - 0.05
        along, gap = float(rng.uniform(-reach, reach)), float(rng.uniform(0.025, 0.05))
        pose = plan.wall_pose(wall, along, gap + piece.size[1] / 2)
        if _stand(plan, rng, name, piece, pose):
            if companion is not None:
                _accompany(plan, rng, (piece, pose), companion, count)
            return


def _accompany(
    plan: FloorPlan, rng: Generator, anchor: tuple[Piece, Pose], name: str, count: int
) -> None:
    """One companion in front, or two beside the head of a bed."""
    main, pose = anchor
    for number in range(count):
        piece = STANDING[name](rng)
        reach = (main.size + piece.size) / 2
        if count == 1:
            front = reach[1] + float(rng.uniform(0.07, 0.3))
            place = pose.offset(float(rng.uniform(-0.1, 0.1)), front)
            place = place._replace(yaw=pose.yaw + np.pi + float(rng.uniform(-0.4, 0.4)))
        else:
            side = (1 if number == 0 else -1) * (reach[0] + 0.08)
            place = pose.offset(side, -(main.size[1] - piece.size[1]) / 2)
        _stand(plan, rng, name, piece, place)


def _dining_group(plan: FloorPlan, rng: Generator) -> None:
    """A table with chairs around it, all of one design."""
    table = _free(plan, rng, "table")
    if table is None:
        return
    piece, pose = table
    chair = STANDING["chair"](rng)
    reach = (piece.size + chair.size[1]) / 2 + 0.07
    sides = [(0.0, reach[1], np.pi), (0.0, -reach[1], 0.0)]
    sides += [(reach[0], 0.0, np.pi / 2), (-reach[0], 0.0, -np.pi / 2)]
    for right, front, turn in sides:
        if rng.random() < 0.8:
            turn += float(rng.uniform(-0.15, 0.15))
            away = float(rng.uniform(1.02, 1.15))
            plan.stand(chair, pose.offset(right * away, front * away, turn))


def _free(plan: FloorPlan, rng: Generator, name: str) -> tuple[Piece, Pose] | None:
    """Stand a piece anywhere, if a place is found."""
    for _ in range(TRIES):
        piece, pose = STANDING[name](rng), random_pose(plan, rng)
        if _stand(plan, rng, name, piece, pose):
            return piece, pose
    return None


def _stand(
    plan: FloorPlan, rng: Generator, name: str, piece: Piece, pose: Pose
) -> bool:
    """Stand a piece, with small things on it; False if it does not fit there."""
    if not plan.stand(piece, pose):
        return False
    if piece.top is None or name not in ON_TOP:
        return True
    slots = 2 if piece.top.high[0] - piece.top.low[0] > 0.9 else 1
    choices = ON_TOP[name]
    for slot in range(slots):
        if rng.random() < 0.2:
            continue
        thing = choices[int(rng.integers(len(choices)))](rng)
        place = _slot(rng, piece.top, thing, slot, slots)
        if place is not None:
            plan.add(thing, pose.offset(*place)._replace(z=piece.top.height))
    return True


def _slot(
    rng: Generator, top: Top, thing: Piece, slot: int, slots: int
) -> tuple[float, float, float] | None:
    """Right, front and turn inside one of equal slots; None if it does not fit."""
    turn = float(rng.uniform(-0.3, 0.3))
    cos, sin = abs(np.cos(turn)), abs(np.sin(turn))
    half = np.array([[cos, sin], [sin, cos]]) @ thing.size[:2] / 2
    width = (top.high[0] - top.low[0]) / slots
    low = np.array([top.low[0] + slot * width, top.low[1]]) + half + 0.01
    high = np.array([top.low[0] + (slot + 1) * width, top.high[1]]) - half - 0.01
    if (low > high).any():
        return None
    right, front = rng.uniform(low, high)
    return float(right), float(front), turn
