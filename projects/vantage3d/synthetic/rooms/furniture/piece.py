"""What every piece of furniture is made of."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from vantage3d.synthetic.render.materials import Material
from vantage3d.synthetic.render.solids import Box, Cylinder, Ellipsoid, Floats, Solid

Generator = np.random.Generator
Triple = tuple[float, float, float]


class Top(NamedTuple):
    """A rectangle that can carry small things, in the frame of its piece; metres."""

    height: float  # z
    low: tuple[float, float]  # (x, y) corner
    high: tuple[float, float]  # opposite corner


@dataclass(frozen=True, eq=False)
class Piece:
    """One object before it is placed.

    It stands on z = 0 with the footprint centred on the origin, back towards -y and
    front towards +y. Things that hang on walls have their back at y = 0 instead.
    """

    name: str  # of its category
    parts: tuple[Solid, ...]  # in the piece's own frame
    top: Top | None = None  # where small things can stand on it

    @property
    def size(self) -> Floats:
        """(3,) width, depth and height of the box around the origin, metres."""
        low, high = self.bounds
        width, depth = 2 * np.maximum(-low, high)[:2]
        return np.array([width, depth, high[2]])

    @cached_property
    def bounds(self) -> tuple[Floats, Floats]:
        """Lowest and highest x, y, z."""
        corners = np.concatenate([part.corners for part in self.parts])
        return corners.min(axis=0), corners.max(axis=0)


def box(low: Triple, high: Triple, material: Material, tilt: float = 0.0) -> Box:
    """Cuboid between two corners, leant backwards by ``tilt`` rad about its centre."""
    a, b = np.array(low, float), np.array(high, float)
    cos, sin = np.cos(tilt), np.sin(tilt)
    lean = np.array([[1.0, 0.0, 0.0], [0.0, cos, -sin], [0.0, sin, cos]])
    return Box(half=(b - a) / 2, center=(a + b) / 2, material=material, rotation=lean)


def post(
    x: float, y: float, low: float, high: float, radius: float, material: Material
) -> Cylinder:
    """Upright round post between two heights."""
    half = np.array([radius, radius, (high - low) / 2])
    center = np.array([x, y, (low + high) / 2])
    return Cylinder(half=half, center=center, material=material)


def ball(center: Triple, half: Triple, material: Material) -> Ellipsoid:
    """Ellipsoid with its axes along the piece's."""
    return Ellipsoid(half=np.array(half), center=np.array(center), material=material)


def legs(
    x: float, y: float, height: float, radius: float, material: Material
) -> list[Solid]:
    """Four round legs at (+-x, +-y) from the floor to ``height``."""
    corners = ((-x, -y), (-x, y), (x, -y), (x, y))
    return [post(*at, 0, height, radius, material) for at in corners]


def whole_top(x: float, y: float, height: float, margin: float = 0.04) -> Top:
    """The top of a piece of half width ``x`` and half depth ``y``."""
    return Top(height, (margin - x, margin - y), (x - margin, y - margin))
