"""Furniture: random pieces made of boxes and cylinders.

A piece stands on z = 0 with its footprint centred on the origin; its back is towards
-y and its front towards +y.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from projects.common.synthetic.materials import Material
from projects.common.synthetic.palette import fabric, lacquer, wood
from projects.common.synthetic.solids import Box, Cylinder, Floats, Solid

Generator = np.random.Generator


@dataclass(frozen=True, eq=False)
class Piece:
    """One object before it is placed.

    Attributes:
        name: Category name.
        parts: Solids in the piece's own frame.
        top: Height of a surface that can carry small things; None if there is none.
    """

    name: str
    parts: tuple[Solid, ...]
    top: float | None = None

    @property
    def size(self) -> Floats:
        """(3,) width, depth and height of the bounding box, metres."""
        corners = np.concatenate([part.corners() for part in self.parts])
        return np.array(
            [*(2 * np.abs(corners[:, :2]).max(axis=0)), corners[:, 2].max()]
        )

    def placed(self, position: Floats, yaw: float, instance: int) -> list[Solid]:
        """The parts in the world, turned by ``yaw`` (rad) about z, then moved."""
        cos, sin = np.cos(yaw), np.sin(yaw)
        turn = np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])
        return [
            replace(
                part,
                center=turn @ part.center + position,
                rotation=turn @ part.rotation,
                instance=instance,
            )
            for part in self.parts
        ]


def box(low: tuple, high: tuple, material: Material) -> Box:
    """Axis-aligned cuboid between two corners."""
    a, b = np.array(low, float), np.array(high, float)
    return Box(half=(b - a) / 2, center=(a + b) / 2, material=material)


def post(
    x: float, y: float, low: float, high: float, r: float, m: Material
) -> Cylinder:
    """Upright round post of radius ``r``."""
    half = np.array([r, r, (high - low) / 2])
    return Cylinder(half=half, center=np.array([x, y, (low + high) / 2]), material=m)


def table(rng: Generator) -> Piece:
    """A board on four legs."""
    w, d, h = rng.uniform(0.8, 1.6), rng.uniform(0.6, 0.9), rng.uniform(0.68, 0.78)
    material, x, y = wood(rng), w / 2, d / 2
    parts: list[Solid] = [box((-x, -y, h - 0.05), (x, y, h), material)]
    parts += [
        post(sx * (x - 0.06), sy * (y - 0.06), 0, h - 0.05, 0.035, material)
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    return Piece("table", tuple(parts), top=h)


def cabinet(rng: Generator) -> Piece:
    """A closed cuboid with a plinth."""
    w, d, h = rng.uniform(0.5, 1.2), rng.uniform(0.35, 0.5), rng.uniform(0.7, 1.4)
    material, x, y = lacquer(rng), w / 2, d / 2
    return Piece("cabinet", (box((-x, -y, 0), (x, y, h), material),), top=h)


def couch(rng: Generator) -> Piece:
    """Seat, back and two arms."""
    w, d = rng.uniform(1.4, 2.0), rng.uniform(0.8, 0.95)
    material, x, y = fabric(rng), w / 2, d / 2
    parts = (
        box((-x, -y, 0), (x, y, 0.42), material),
        box((-x, -y, 0.42), (x, -y + 0.22, 0.85), material),
        box((-x, -y + 0.22, 0.42), (-x + 0.2, y, 0.62), material),
        box((x - 0.2, -y + 0.22, 0.42), (x, y, 0.62), material),
    )
    return Piece("couch", parts)


def carton(rng: Generator) -> Piece:
    """A box to put anywhere."""
    w, d, h = rng.uniform(0.2, 0.45, 3)
    half = box((-w / 2, -d / 2, 0), (w / 2, d / 2, h), lacquer(rng))
    return Piece("box", (half,))


BUILDERS: dict[str, Callable[[Generator], Piece]] = {
    "table": table,
    "cabinet": cabinet,
    "couch": couch,
    "box": carton,
}
