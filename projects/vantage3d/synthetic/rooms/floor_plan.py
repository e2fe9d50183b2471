"""Placing pieces in a room so that nothing touches anything it should not."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vantage3d.synthetic.render.scene import CATEGORIES, Category
from vantage3d.synthetic.render.solids import Floats, Solid, placed
from vantage3d.synthetic.rooms.furniture import Generator, Piece

GAP = 0.06
NEAR_WALL = 0.15
CORNER = 0.15


class Pose(NamedTuple):
    """Where a piece stands: metres in the room, yaw in rad about z."""

    x: float
    y: float
    z: float
    yaw: float

    def offset(self, right: float, front: float, turn: float = 0.0) -> "Pose":
        """The pose ``right`` and ``front`` metres away, as the piece sees it."""
        cos, sin = np.cos(self.yaw), np.sin(self.yaw)
        x = self.x + cos * right - sin * front
        y = self.y + sin * right + cos * front
        return Pose(x, y, self.z, self.yaw + turn)


class FloorPlan:
    """The pieces of a room so far."""

    def __init__(self, size: Floats) -> None:
        self.size = size  # (3,) inner width, depth and height of the room, metres
        self.solids: list[Solid] = []  # all parts placed
        self.categories: list[Category] = []  # of instance 1, 2, ...
        self._taken: list[Floats] = []
        self._walls: list[list[Floats]] = [[], [], [], []]

    def add(self, piece: Piece, pose: Pose) -> None:
        """Place without any check."""
        self.categories.append(CATEGORIES[piece.name])
        position = np.array([pose.x, pose.y, pose.z])
        number = len(self.categories)
        self.solids += placed(piece.parts, position, pose.yaw, instance=number)

    def stand(self, piece: Piece, pose: Pose) -> bool:
        """Stand a piece on the floor; False if it does not fit there."""
        return self.stand_together([piece], pose)

    def stand_together(self, pieces: Sequence[Piece], pose: Pose) -> bool:
        """Stand pieces of one frame that may touch each other; all or none."""
        piece = Piece("", tuple(part for piece in pieces for part in piece.parts))
        outline = _rectangle(piece.size[:2], pose)
        if (np.abs(outline) > self.size[:2] / 2 - 0.02).any():
            return False
        if any(_overlap(outline, other) for other in self._taken):
            return False
        behind = {n: self._wall_span(n, outline, piece.size[2]) for n in range(4)}
        spans = {wall: span for wall, span in behind.items() if span is not None}
        if any(self._on_wall(wall, span) for wall, span in spans.items()):
            return False
        self._taken.append(_rectangle(piece.size[:2] + 2 * GAP, pose))
        for wall, span in spans.items():
            self._walls[wall].append(span)
        for piece in pieces:
            self.add(piece, pose)
        return True

    def hang(self, piece: Piece, wall: int, along: float, height: float) -> bool:
        """Hang a piece on a wall; False if something is there.

        Args:
            piece: Back at y = 0.
            wall: 0..3.
            along: Metres from the middle of the wall.
            height: Of the lower edge, metres.
        """
        low, high = piece.bounds
        at = np.array([along, height])
        span = np.array([low[[0, 2]] + at, high[[0, 2]] + at])
        if np.abs(span[:, 0]).max() > self.wall_length(wall) / 2 - CORNER:
            return False
        if span[1, 1] > self.size[2] - 0.1 or self._on_wall(wall, span):
            return False
        pose = self.wall_pose(wall, along, 0.0)
        # Low things need the floor in front of them: 0.6 m, or their own depth.
        front = 0.6 if piece.name == "door" else high[1] + GAP
        if height < 0.8:
            block = np.array([high[0] - low[0], 2 * front])
            outline = _rectangle(block, pose.offset((low[0] + high[0]) / 2, 0.0))
            if any(_overlap(outline, other) for other in self._taken):
                return False
            self._taken.append(outline)
        self._walls[wall].append(span)
        self.add(piece, pose._replace(z=height))
        return True

    def wall_length(self, wall: int) -> float:
        """Inner length of a wall in metres."""
        return float(self.size[wall % 2])

    def wall_pose(self, wall: int, along: float, distance: float) -> Pose:
        """The pose that faces the room from a wall, ``distance`` metres off it."""
        yaw = wall * np.pi / 2
        middle = Pose(0.0, 0.0, 0.0, yaw)
        return middle.offset(along, distance - float(self.size[1 - wall % 2]) / 2)

    def _on_wall(self, wall: int, span: Floats) -> bool:
        margin = 0.05
        return any(
            (span[0] < other[1] + margin).all() and (span[1] > other[0] - margin).all()
            for other in self._walls[wall]
        )

    def _wall_span(self, wall: int, outline: Floats, height: float) -> Floats | None:
        """The part of a wall behind an outline: (low, high) of (along, height)."""
        yaw = wall * np.pi / 2
        along = outline @ [np.cos(yaw), np.sin(yaw)]
        away = outline @ [-np.sin(yaw), np.cos(yaw)] + self.size[1 - wall % 2] / 2
        if away.min() > NEAR_WALL:
            return None
        return np.array([[along.min(), 0.0], [along.max(), height]])


def random_pose(plan: FloorPlan, rng: Generator) -> Pose:
    """Anywhere on the floor, any direction."""
    x, y = rng.uniform(-0.5, 0.5, 2) * plan.size[:2]
    return Pose(float(x), float(y), 0.0, float(rng.uniform(0, 2 * np.pi)))


def _rectangle(size: Floats, pose: Pose) -> Floats:
    """(4, 2) corners of a turned rectangle around a pose."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size / 2
    cos, sin = np.cos(pose.yaw), np.sin(pose.yaw)
    return corners @ np.array([[cos, sin], [-sin, cos]]) + [pose.x, pose.y]


def _overlap(first: Floats, second: Floats) -> bool:
    """Whether two convex quadrilaterals overlap (separating axes)."""
    for shape in (first, second):
        edges = np.roll(shape, -1, axis=0) - shape
        normals = np.stack([-edges[:, 1], edges[:, 0]], 1)
        a, b = first @ normals.T, second @ normals.T
        if ((a.max(0) < b.min(0)) | (b.max(0) < a.min(0))).any():
            return False
    return True
