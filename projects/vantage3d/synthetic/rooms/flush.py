"""Rooms whose instances are flush: geometry does not tell them apart, texture does.

Wall units and stacks are cut into panels that end in one plane; some panels hold a
picture let into their front. All materials of a block have one mean colour and a
period of one 5 cm voxel, so that what differs is seen in the image only.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.synthetic.render.materials import Color, Material, mean_color, toned
from vantage3d.synthetic.render.solids import Solid
from vantage3d.synthetic.rooms.floor_plan import FloorPlan, random_pose
from vantage3d.synthetic.rooms.furniture.piece import Generator, Piece, box
from vantage3d.synthetic.rooms.room import (
    TRIES,
    Room,
    begin_room,
    finish_room,
    room_shell,
)

# Patterns of which each colour covers one half.
TEXTURES = (
    *("plain", "stripes", "rows", "checker", "diagonal", "antidiagonal", "noise"),
    "dots",
)
ELEMENT = 0.025  # metres; the period is 0.05
CONTRAST = 0.3
FRONT = 0.02
PICTURE_SHARE = 0.3


class Cell(NamedTuple):
    """One panel of a unit seen from the front: metres right (x) and up (z)."""

    left: float
    right: float
    low: float
    high: float


def textured(pattern: str, color: Color, seed: int) -> Material:
    """A material of mean colour ``color``; both tones differ by ``CONTRAST``."""
    if pattern == "plain":
        return Material(color)
    dark, bright = toned(color, 1 - CONTRAST), toned(color, 1 + CONTRAST)
    return Material(dark, bright, pattern, ELEMENT, seed)


def panels(
    rng: Generator, name: str, half: tuple[float, float], height: float, side: float
) -> list[Piece]:
    """A block cut into flush panels whose neighbours have other textures.

    Args:
        rng: Random source.
        name: Category of the panels.
        half: Half width and half depth of the block in metres.
        height: Of the block in metres.
        side: About how wide and high a panel is, metres.
    """
    (x, y), color = half, mean_color(rng)
    xs = _cuts(rng, -x, x, side)
    zs = _cuts(rng, 0.0, height, side)
    pieces, above = [], [""] * (len(xs) + 1)
    for low, high in pairwise(zs):
        row = [""]
        for column, (left, right) in enumerate(pairwise(xs)):
            near = {row[-1], *above[column : column + 3]}
            pattern = _other(rng, near)
            row.append(pattern)
            cell = Cell(left, right, low, high)
            pieces += _panel(rng, name, cell, y, (pattern, near), color)
        above = [*row, ""]
    return pieces


def _panel(
    rng: Generator,
    name: str,
    cell: Cell,
    y: float,
    textures: tuple[str, set[str]],
    color: Color,
) -> list[Piece]:
    """One panel, or one with a picture let into its front."""
    pattern, near = textures
    body = textured(pattern, color, int(rng.integers(1 << 30)))
    left, right, low, high = cell
    if min(right - left, high - low) < 0.45 or rng.random() > PICTURE_SHARE:
        return [Piece(name, (box((left, -y, low), (right, y, high), body),))]
    sheet = textured(_other(rng, {pattern, *near}), color, int(rng.integers(1 << 30)))
    x, z, share = (left + right) / 2, (low + high) / 2, rng.uniform(0.55, 0.7) / 2
    dx, dz = share * (right - left), share * (high - low)
    inner, front = Cell(x - dx, x + dx, z - dz, z + dz), y - FRONT
    parts: list[Solid] = [box((left, -y, low), (right, front, high), body)]
    parts += [box((a, front, c), (b, y, d), body) for a, b, c, d in _frame(cell, inner)]
    a, b, c, d = inner
    picture = Piece("picture", (box((a, front, c), (b, y, d), sheet),))
    return [Piece(name, tuple(parts)), picture]


def _frame(outer: Cell, inner: Cell) -> list[Cell]:
    """The four strips between two cells."""
    return [
        Cell(outer.left, outer.right, outer.low, inner.low),
        Cell(outer.left, outer.right, inner.high, outer.high),
        Cell(outer.left, inner.left, inner.low, inner.high),
        Cell(inner.right, outer.right, inner.low, inner.high),
    ]


def _cuts(rng: Generator, low: float, high: float, side: float) -> list[float]:
    """Where to cut a length into parts of about ``side``, all within 35 % of it."""
    parts = max(2, round((high - low) / side))
    widths = rng.uniform(0.7, 1.3, parts)
    inner = low + (high - low) * np.cumsum(widths)[:-1] / widths.sum()
    return [low, *inner.tolist(), high]


def _other(rng: Generator, near: set[str]) -> str:
    return str(rng.choice([name for name in TEXTURES if name not in near]))


FLUSH = ("cabinet", "box", "picture")


def make_flush_room(seed: int) -> Room:
    """A room of wall units and stacks, the same for the same seed.

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
