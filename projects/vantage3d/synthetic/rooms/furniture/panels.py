"""Blocks cut into flush panels, told apart by texture alone.

All materials of a block have one mean colour and a period of one 5 cm voxel, so that
what differs is seen in the image only.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from vantage3d.synthetic.render.materials import Material
from vantage3d.synthetic.render.palette import Color, mean_color, toned
from vantage3d.synthetic.render.solids import Solid
from vantage3d.synthetic.rooms.furniture.piece import Generator, Piece, box

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
    """One panel of a unit seen from the front: metres right and up.

    Attributes:
        left, right: Along x.
        low, high: Along z.
    """

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
    inner = _shrunk(rng, cell)
    front = y - FRONT
    parts: list[Solid] = [box((left, -y, low), (right, front, high), body)]
    parts += [box((a, front, c), (b, y, d), body) for a, b, c, d in _frame(cell, inner)]
    a, b, c, d = inner
    return [
        Piece(name, tuple(parts)),
        Piece("picture", (box((a, front, c), (b, y, d), sheet),)),
    ]


def _shrunk(rng: Generator, cell: Cell) -> Cell:
    """A cell in the middle of ``cell``."""
    x, z = (cell.left + cell.right) / 2, (cell.low + cell.high) / 2
    share = rng.uniform(0.55, 0.7) / 2
    dx, dz = share * (cell.right - cell.left), share * (cell.high - cell.low)
    return Cell(x - dx, x + dx, z - dz, z + dz)


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
