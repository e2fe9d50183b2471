"""Things that hold things."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from vantage3d.synthetic.render.materials import Material
from vantage3d.synthetic.render.palette import Span, books, lacquer, metal, wood
from vantage3d.synthetic.render.solids import Solid
from vantage3d.synthetic.rooms.furniture.piece import (
    Generator,
    Piece,
    box,
    legs,
    post,
    whole_top,
)


def _case(
    rng: Generator,
    name: str,
    half: tuple[float, float, float],
    fronts: tuple[int, int],
) -> Piece:
    """A closed case: half width and depth, full height; columns and rows of fronts."""
    (x, y, h), plinth = half, 0.05
    body = wood(rng) if rng.random() < 0.5 else lacquer(rng)
    front = body if rng.random() < 0.4 else lacquer(rng)
    parts: list[Solid] = [
        box((-x + 0.02, -y, 0), (x - 0.02, y - 0.05, plinth), body),
        box((-x, -y, plinth), (x, y - 0.02, h), body),
    ]
    xs = np.linspace(-x, x, fronts[0] + 1)
    zs = np.linspace(plinth, h, fronts[1] + 1)
    for left, right in pairwise(xs):
        for low, high in pairwise(zs):
            parts += _front((left, right), (low, high), y, front, metal(rng))
    return Piece(name, tuple(parts), whole_top(x, y, h))


def _front(
    xs: tuple[float, float],
    zs: tuple[float, float],
    y: float,
    material: Material,
    handle: Material,
) -> list[Solid]:
    """One door or drawer front with a handle, ending at depth ``y``."""
    (left, right), (low, high) = xs, zs
    center, gap = (left + right) / 2, 0.012
    panel = (left + gap, y - 0.02, low + gap), (right - gap, y, high - gap)
    if right - left > high - low:
        grip = (center - 0.06, y, high - 0.07), (center + 0.06, y + 0.02, high - 0.05)
    else:
        grip = (right - 0.07, y, high - 0.25), (right - 0.05, y + 0.02, high - 0.13)
    return [box(*panel, material), box(*grip, handle)]


def _kind(
    name: str, x: Span, y: Span, h: Span, columns: tuple[int, int], rows: int
) -> Callable[[Generator], Piece]:
    """Builder of cases: half width, half depth, height, least and most columns."""

    def build(rng: Generator) -> Piece:
        half = rng.uniform(*x), rng.uniform(*y), rng.uniform(*h)
        fronts = int(rng.integers(columns[0], columns[1] + 1)), rows
        return _case(rng, name, half, fronts)

    return build


cabinet = _kind("cabinet", (0.35, 0.6), (0.2, 0.28), (0.75, 1.3), (2, 2), 1)
wardrobe = _kind("cabinet", (0.45, 0.75), (0.28, 0.32), (1.8, 2.1), (2, 3), 1)
dresser = _kind("dresser", (0.4, 0.65), (0.22, 0.26), (0.75, 1.0), (1, 2), 3)
nightstand = _kind("nightstand", (0.2, 0.27), (0.18, 0.22), (0.45, 0.6), (1, 1), 2)
tv_stand = _kind("tv stand", (0.6, 0.85), (0.2, 0.25), (0.4, 0.55), (3, 3), 1)


def refrigerator(rng: Generator) -> Piece:
    """A freezer door under a tall door."""
    x, y, h = rng.uniform(0.3, 0.36), rng.uniform(0.3, 0.34), rng.uniform(1.5, 1.85)
    body, grip = lacquer(rng, (0.0, 0.15), (0.6, 0.95)), metal(rng)
    parts: list[Solid] = [box((-x, -y, 0.03), (x, y - 0.05, h), body)]
    parts += _front((-x, x), (0.03, 0.6), y, body, grip)
    parts += _front((-x, x), (0.6, h), y, body, grip)
    parts += [box((-x, y - 0.05, 0.05), (x, y - 0.02, h), grip)]
    return Piece("refrigerator", (*parts, *legs(x - 0.05, y - 0.1, 0.03, 0.02, grip)))


def bookshelf(rng: Generator) -> Piece:
    """An open case with boards, a back and rows of books."""
    x, y, h = rng.uniform(0.35, 0.55), rng.uniform(0.14, 0.18), rng.uniform(1.2, 2.0)
    body, board = wood(rng) if rng.random() < 0.7 else lacquer(rng), 0.025
    parts: list[Solid] = [
        box((-x, -y, 0), (-x + board, y, h), body),
        box((x - board, -y, 0), (x, y, h), body),
        box((-x + board, -y, 0), (x - board, -y + 0.015, h), body),
    ]
    levels = np.linspace(0.05, h - board, int(h / 0.33) + 1)
    for low in levels:
        parts.append(
            box((-x + board, -y + 0.015, low), (x - board, y, low + board), body)
        )
    for low, high in zip(levels[:-1] + board, levels[1:]):
        start = -x + board + rng.uniform(0, 0.15)
        end = rng.uniform(start + 0.15, x - board)
        depth, tall = y - rng.uniform(0.02, 0.06), low + (high - low) * 0.8
        parts.append(box((start, -y + 0.015, low), (end, depth, tall), books(rng)))
    return Piece("bookshelf", tuple(parts))


def trash_can(rng: Generator) -> Piece:
    """A round or square bin with a rim."""
    r, h = rng.uniform(0.13, 0.2), rng.uniform(0.3, 0.6)
    material, rim = lacquer(rng), metal(rng)
    if rng.random() < 0.6:
        parts: tuple[Solid, ...] = (
            post(0, 0, 0, h - 0.03, r - 0.01, material),
            post(0, 0, h - 0.03, h, r, rim),
        )
    else:
        parts = (
            box((0.01 - r, 0.01 - r, 0), (r - 0.01, r - 0.01, h - 0.03), material),
            box((-r, -r, h - 0.03), (r, r, h), rim),
        )
    return Piece("trash can", parts)


def suitcase(rng: Generator) -> Piece:
    """A ribbed shell with a handle."""
    x, y, h = rng.uniform(0.18, 0.26), rng.uniform(0.1, 0.14), rng.uniform(0.45, 0.7)
    shell, grip = lacquer(rng, (0.4, 0.95)), metal(rng)
    parts: list[Solid] = [box((-x, -y, 0.04), (x, y, h), shell)]
    for offset in (-0.5, 0.0, 0.5):
        rib = (offset * x - 0.015, y, 0.08), (offset * x + 0.015, y + 0.012, h - 0.04)
        parts.append(box(*rib, shell))
    parts += [box((-0.09, -0.02, h), (0.09, 0.02, h + 0.05), grip)]
    return Piece("suitcase", (*parts, *legs(x - 0.05, y - 0.03, 0.04, 0.025, grip)))
