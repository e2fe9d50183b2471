"""Random furnished rooms."""

from dataclasses import dataclass

import numpy as np

from projects.common.synthetic.classes import CATEGORIES, Category
from projects.common.synthetic.furniture import BUILDERS, Generator, Piece, box
from projects.common.synthetic.palette import flooring, paint
from projects.common.synthetic.scene import Scene
from projects.common.synthetic.solids import Floats, Solid

THICKNESS = 0.1
GAP = 0.06


@dataclass(frozen=True, eq=False)
class Room(Scene):
    """A scene with four walls, axis-aligned, floor at z = 0, centred on the origin.

    Attributes:
        size: (3,) inner width (x), depth (y) and height (z) in metres.
    """

    size: Floats


class _Plan:
    """Collects placed pieces and keeps their footprints apart."""

    def __init__(self, size: Floats) -> None:
        self.size = size
        self.solids: list[Solid] = []
        self.categories: list[Category] = []
        self.taken: list[Floats] = []

    def add(self, name: str, solids: list[Solid]) -> None:
        self.solids += solids
        self.categories.append(CATEGORIES[name])

    @property
    def next_instance(self) -> int:
        return len(self.categories) + 1

    def place(self, piece: Piece, x: float, y: float, yaw: float) -> bool:
        """Add the piece unless it leaves the room or touches another one."""
        outline = footprint(piece.size[:2], x, y, yaw)
        limit = self.size[:2] / 2 - 0.01
        if (np.abs(outline) > limit).any():
            return False
        if any(overlap(outline, other) for other in self.taken):
            return False
        self.taken.append(footprint(piece.size[:2] + 2 * GAP, x, y, yaw))
        position = np.array([x, y, 0.0])
        self.add(piece.name, piece.placed(position, yaw, self.next_instance))
        return True


def footprint(size: Floats, x: float, y: float, yaw: float) -> Floats:
    """(4, 2) corners of a turned rectangle."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size / 2
    turn = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    return corners @ turn.T + [x, y]


def overlap(first: Floats, second: Floats) -> bool:
    """Whether two convex quadrilaterals overlap (separating axes)."""
    for shape in (first, second):
        edges = np.roll(shape, -1, axis=0) - shape
        normals = np.stack([-edges[:, 1], edges[:, 0]], 1)
        a, b = first @ normals.T, second @ normals.T
        if ((a.max(0) < b.min(0)) | (b.max(0) < a.min(0))).any():
            return False
    return True


def make_room(seed: int) -> Room:
    """A room with furniture, the same for the same seed.

    Args:
        seed: Any non-negative integer.
    """
    rng = np.random.default_rng([seed, 0])
    size = np.array([rng.uniform(3.4, 5.2), rng.uniform(3.4, 5.2), 2.6])
    plan = _Plan(size)
    _shell(plan, rng)
    for _ in range(40):
        name = str(rng.choice(list(BUILDERS)))
        piece = BUILDERS[name](rng)
        x, y = rng.uniform(-0.5, 0.5, 2) * size[:2]
        plan.place(piece, x, y, rng.uniform(0, 2 * np.pi))
        if len(plan.categories) >= 14:
            break
    light = np.array([*rng.uniform(-0.8, 0.8, 2), size[2] - 0.3])
    return Room(tuple(plan.solids), tuple(plan.categories), light, size)


def _shell(plan: _Plan, rng: Generator) -> None:
    """Floor, four walls and ceiling."""
    (x, y, h), t = plan.size / [2, 2, 1], THICKNESS
    ground, wall, white = flooring(rng), paint(rng), paint(rng)
    pieces = [
        ("floor", box((-x - t, -y - t, -t), (x + t, y + t, 0), ground)),
        ("wall", box((-x - t, -y - t, 0), (-x, y + t, h), wall)),
        ("wall", box((x, -y - t, 0), (x + t, y + t, h), wall)),
        ("wall", box((-x, -y - t, 0), (x, -y, h), wall)),
        ("wall", box((-x, y, 0), (x, y + t, h), wall)),
        ("ceiling", box((-x - t, -y - t, h), (x + t, y + t, h + t), white)),
    ]
    for name, solid in pieces:
        part = Piece(name, (solid,))
        plan.add(name, part.placed(np.zeros(3), 0.0, plan.next_instance))
