"""Convex solids: ray intervals, surface normals, texture coordinates, meshes.

A solid lives in its own frame (centre at the origin, axes along its extents) and is
placed by a rotation and a centre. Everything below works on local coordinates; the
ray caster and the mesh sampler do the placing.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from vantage3d.synthetic.render.materials import Floats, Material

Rays = tuple[Floats, Floats, Floats]
TINY = 1e-30
# The corners of a box, and the pairs of them that an edge joins.
SIGNS = np.array(list(product((-1.0, 1.0), repeat=3)))
EDGES = np.array(
    [(i, j) for i, j in combinations(range(8), 2) if (SIGNS[i] != SIGNS[j]).sum() == 1]
)


@dataclass(frozen=True, eq=False)
class Solid(ABC):
    """One convex piece of a scene."""

    half: Floats  # (3,) half extents in metres along the local axes
    center: Floats  # (3,) position of the centre in the world, metres
    material: Material
    rotation: Floats = field(default_factory=lambda: np.eye(3))  # (3, 3) local to world
    instance: int = 0  # id of the instance it belongs to, 1..; 0 = none

    def to_local(self, points: Floats) -> Floats:
        """(N, 3) world points in the local frame."""
        return (points - self.center) @ self.rotation

    @cached_property
    def corners(self) -> Floats:
        """(8, 3) corners of the bounding box in the world, as in ``SIGNS``."""
        return (SIGNS * self.half) @ self.rotation.T + self.center

    @abstractmethod
    def interval(self, origin: Floats, rays: Rays) -> tuple[Floats, Floats]:
        """Where rays enter and leave, as multiples of their direction.

        Args:
            origin: (3,) common origin, local frame; or (3, ...), one origin per ray.
            rays: Three arrays of equal shape, the components of the directions.

        Returns:
            Entry and exit parameter; entry > exit where the ray misses.
        """

    @abstractmethod
    def surface(self, points: Floats) -> tuple[Floats, Floats]:
        """(N, 3) outward normals and (N, 2) texture coordinates in metres.

        Args:
            points: (N, 3) points on the surface, local frame.
        """

    @abstractmethod
    def contains(self, points: Floats, margin: float) -> NDArray[np.bool_]:
        """(N,) whether local points lie in the solid grown by ``margin`` metres."""

    @abstractmethod
    def grids(self, spacing: float) -> list[Floats]:
        """(R, C, 3) local point grids that cover the surface.

        Neighbours in a grid are neighbours on the surface, at most ``spacing`` metres
        apart; rows, columns and the outward normal are a right-handed frame.
        """


def _slab(half: float, origin: float, ray: Floats) -> tuple[Floats, Floats]:
    """Interval inside -half <= x <= half."""
    inverse = 1 / (ray + TINY)
    middle = inverse * -origin
    np.abs(inverse, out=inverse)
    inverse *= half
    return middle - inverse, middle + inverse


def _steps(half: float, spacing: float) -> Floats:
    """Positions from -half to half at most ``spacing`` apart."""
    return np.linspace(-half, half, max(2, int(np.ceil(2 * half / spacing)) + 1))


class Box(Solid):
    """A cuboid."""

    def interval(self, origin: Floats, rays: Rays) -> tuple[Floats, Floats]:
        enter, leave = _slab(self.half[0], origin[0], rays[0])
        for axis in (1, 2):
            first, last = _slab(self.half[axis], origin[axis], rays[axis])
            np.maximum(enter, first, out=enter)
            np.minimum(leave, last, out=leave)
        return enter, leave

    def surface(self, points: Floats) -> tuple[Floats, Floats]:
        axis = np.argmax(np.abs(points) - self.half, axis=1)
        rows = np.arange(len(points))
        normals = np.zeros_like(points)
        normals[rows, axis] = np.sign(points[rows, axis])
        first = np.where(axis == 0, 1, 0)
        second = np.where(axis == 2, 1, 2)
        return normals, np.stack([points[rows, first], points[rows, second]], 1)

    def contains(self, points: Floats, margin: float) -> NDArray[np.bool_]:
        return (np.abs(points) <= self.half + margin).all(axis=1)

    def grids(self, spacing: float) -> list[Floats]:
        grids = []
        for axis in range(3):
            first, second = [other for other in range(3) if other != axis]
            us, vs = (_steps(self.half[i], spacing) for i in (first, second))
            for sign in (-1.0, 1.0):
                points = np.empty((len(us), len(vs), 3))
                points[..., first], points[..., second] = us[:, None], vs[None, :]
                points[..., axis] = sign * self.half[axis]
                flip = (sign > 0) == (axis == 1)
                grids.append(points[::-1] if flip else points)
        return grids


class Cylinder(Solid):
    """An upright elliptic cylinder: ``half`` is radius x, radius y, half height."""

    def interval(self, origin: Floats, rays: Rays) -> tuple[Floats, Floats]:
        ox, oy = origin[0] / self.half[0], origin[1] / self.half[1]
        dx, dy = rays[0] / self.half[0], rays[1] / self.half[1]
        a = np.maximum(dx * dx + dy * dy, TINY)
        b = dx * ox + dy * oy
        inside = b * b - a * (ox * ox + oy * oy - 1)
        root = np.sqrt(np.maximum(inside, 0))
        enter, leave = _slab(self.half[2], origin[2], rays[2])
        enter = np.maximum(enter, (-b - root) / a)
        leave = np.minimum(leave, (-b + root) / a)
        return np.where(inside > 0, enter, leave + 1), leave

    def surface(self, points: Floats) -> tuple[Floats, Floats]:
        scaled = points / self.half
        radial = np.hypot(scaled[:, 0], scaled[:, 1]) - 1
        cap = np.abs(scaled[:, 2]) - 1 > radial
        normals = np.zeros_like(points)
        normals[:, :2] = scaled[:, :2] / self.half[:2]
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), TINY)
        normals[cap] = np.sign(points[cap][:, 2:]) * [[0.0, 0.0, 1.0]]
        arc = np.arctan2(scaled[:, 1], scaled[:, 0]) * self.half[:2].mean()
        side = np.stack([arc, points[:, 2]], 1)
        return normals, np.where(cap[:, None], points[:, :2], side)

    def contains(self, points: Floats, margin: float) -> NDArray[np.bool_]:
        scaled = points[:, :2] / (self.half[:2] + margin)
        within = np.abs(points[:, 2]) <= self.half[2] + margin
        return within & ((scaled**2).sum(axis=1) <= 1)

    def grids(self, spacing: float) -> list[Floats]:
        turns = max(8, int(np.ceil(2 * np.pi * self.half[:2].max() / spacing)))
        angles = np.linspace(0, 2 * np.pi, turns + 1)
        circle = np.stack([np.cos(angles), np.sin(angles)], 1) * self.half[:2]
        heights = _steps(self.half[2], spacing)
        side = np.empty((len(angles), len(heights), 3))
        side[..., :2], side[..., 2] = circle[:, None], heights[None, :]
        grids = [side]
        rings = np.linspace(0, 1, max(2, int(self.half[:2].max() / spacing) + 2))
        for sign in (-1.0, 1.0):
            cap = np.empty((len(rings), len(angles), 3))
            cap[..., :2] = rings[:, None, None] * circle[None]
            cap[..., 2] = sign * self.half[2]
            grids.append(cap if sign > 0 else cap[:, ::-1])
        return grids


class Ellipsoid(Solid):
    """An ellipsoid with semi-axes ``half``."""

    def interval(self, origin: Floats, rays: Rays) -> tuple[Floats, Floats]:
        x, y, z = (start / axis for start, axis in zip(origin, self.half))
        dx, dy, dz = (ray / axis for ray, axis in zip(rays, self.half))
        a = dx * dx + dy * dy + dz * dz
        b = dx * x + dy * y + dz * z
        inside = b * b - a * (x * x + y * y + z * z - 1)
        root = np.sqrt(np.maximum(inside, 0))
        leave = (root - b) / a
        return np.where(inside > 0, (-b - root) / a, leave + 1), leave

    def surface(self, points: Floats) -> tuple[Floats, Floats]:
        normals = points / self.half**2
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), TINY)
        arc = np.arctan2(normals[:, 1], normals[:, 0]) * self.half[:2].mean()
        return normals, np.stack([arc, points[:, 2]], 1)

    def contains(self, points: Floats, margin: float) -> NDArray[np.bool_]:
        return ((points / (self.half + margin)) ** 2).sum(axis=1) <= 1

    def grids(self, spacing: float) -> list[Floats]:
        reach = np.pi * self.half.max()
        turns = np.linspace(0, 2 * np.pi, max(8, int(np.ceil(2 * reach / spacing))) + 1)
        tilts = np.linspace(-np.pi / 2, np.pi / 2, max(5, int(reach / spacing) + 2))
        unit = np.empty((len(turns), len(tilts), 3))
        unit[..., 0] = np.cos(turns)[:, None] * np.cos(tilts)
        unit[..., 1] = np.sin(turns)[:, None] * np.cos(tilts)
        unit[..., 2] = np.sin(tilts)
        return [unit * self.half]


def turn_about_z(yaw: float) -> Floats:
    """(3, 3) rotation about the vertical by ``yaw`` rad."""
    cos, sin = np.cos(yaw), np.sin(yaw)
    return np.array([[cos, -sin, 0.0], [sin, cos, 0.0], [0.0, 0.0, 1.0]])


def placed(solids: Iterable[Solid], at: Floats, yaw: float, **changes) -> list[Solid]:
    """Solids turned by ``yaw`` rad about z, then moved to ``at``; other ``changes``."""
    turn = turn_about_z(yaw)
    return [
        replace(s, center=turn @ s.center + at, rotation=turn @ s.rotation, **changes)
        for s in solids
    ]
