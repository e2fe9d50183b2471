"""Furniture that stands: to sit and lie on, to work at and to hold things."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from vantage3d.synthetic.render.materials import (
    Material,
    Span,
    books,
    fabric,
    lacquer,
    metal,
    wood,
)
from vantage3d.synthetic.render.solids import Solid
from vantage3d.synthetic.rooms.furniture.piece import (
    Generator,
    Piece,
    Top,
    box,
    legs,
    post,
    whole_top,
)

FEET = ((-0.25, 0.0), (0.25, 0.0), (0.0, -0.25), (0.0, 0.25))  # of office chairs


def chair(rng: Generator) -> Piece:
    """Four legs, a seat and a leaning back."""
    x, y, h = rng.uniform(0.19, 0.24), rng.uniform(0.2, 0.24), rng.uniform(0.43, 0.48)
    frame = wood(rng) if rng.random() < 0.5 else metal(rng)
    seat = lacquer(rng) if rng.random() < 0.6 else frame
    high = rng.uniform(0.8, 0.95)
    parts: list[Solid] = legs(x - 0.03, y - 0.03, h - 0.05, 0.02, frame)
    parts.append(box((-x, -y, h - 0.05), (x, y, h), seat))
    parts.append(box((-x, -y - 0.02, h + 0.03), (x, -y + 0.02, high), seat, 0.1))
    for side in (-1, 1):
        foot = side * (x - 0.03)
        parts.append(post(foot, -y + 0.02, h, h + 0.1, 0.018, frame))
    return Piece("chair", tuple(parts))


def office_chair(rng: Generator) -> Piece:
    """A cross of feet, a stem, a padded seat, a back and sometimes arms."""
    x, y, h = rng.uniform(0.22, 0.27), rng.uniform(0.22, 0.26), rng.uniform(0.46, 0.54)
    pad, dark = fabric(rng), metal(rng)
    parts: list[Solid] = [
        box((-0.27, -0.03, 0.05), (0.27, 0.03, 0.09), dark),
        box((-0.03, -0.27, 0.05), (0.03, 0.27, 0.09), dark),
        post(0, 0, 0.09, h - 0.08, 0.03, dark),
        box((-x, -y, h - 0.08), (x, y, h), pad),
        box((-0.04, -y - 0.03, h - 0.06), (0.04, -y, h + 0.15), dark),
        box((-x + 0.02, -y - 0.03, h + 0.1), (x - 0.02, -y + 0.03, h + 0.58), pad, 0.1),
    ]
    parts += [post(a, b, 0, 0.06, 0.03, dark) for a, b in FEET]
    if rng.random() < 0.5:
        for side in (-1, 1):
            low, high = sorted((side * x, side * (x + 0.05)))
            parts.append(box((low, -y, h + 0.18), (high, y - 0.1, h + 0.22), dark))
            parts.append(box((low, -0.08, h - 0.05), (high, -0.03, h + 0.18), dark))
    return Piece("office chair", tuple(parts))


def _upholstered(rng: Generator, name: str, width: float, seats: int) -> Piece:
    """Base, back, two arms and one cushion per seat."""
    x, y, arm = width / 2, rng.uniform(0.4, 0.46), rng.uniform(0.14, 0.2)
    high, material, cushion = rng.uniform(0.75, 0.9), fabric(rng), fabric(rng)
    if rng.random() < 0.6:
        cushion = material
    parts: list[Solid] = [
        box((-x, -y, 0.06), (x, y, 0.3), material),
        box((-x, -y, 0.3), (x, -y + 0.2, high), material),
        box((-x, -y + 0.2, 0.3), (-x + arm, y, 0.6), material),
        box((x - arm, -y + 0.2, 0.3), (x, y, 0.6), material),
    ]
    step = (2 * x - 2 * arm) / seats
    for number in range(seats):
        left = -x + arm + number * step
        seat = (left + 0.005, -y + 0.2, 0.3), (left + step - 0.005, y, 0.45)
        parts.append(box(*seat, cushion))
    parts += legs(x - 0.06, y - 0.06, 0.06, 0.025, wood(rng))
    return Piece(name, tuple(parts))


def couch(rng: Generator) -> Piece:
    """Two or three seats."""
    seats = int(rng.integers(2, 4))
    return _upholstered(rng, "couch", seats * rng.uniform(0.6, 0.7) + 0.3, seats)


def armchair(rng: Generator) -> Piece:
    """One upholstered seat."""
    return _upholstered(rng, "armchair", rng.uniform(0.8, 0.95), 1)


def stool(rng: Generator) -> Piece:
    """A round seat on four legs."""
    r, h = rng.uniform(0.16, 0.2), rng.uniform(0.42, 0.65)
    frame, seat = wood(rng), lacquer(rng)
    parts = [*legs(r * 0.6, r * 0.6, h - 0.05, 0.018, frame)]
    return Piece("stool", (*parts, post(0, 0, h - 0.05, h, r, seat)))


def ottoman(rng: Generator) -> Piece:
    """A padded block, round or square."""
    r, h, material = rng.uniform(0.25, 0.36), rng.uniform(0.36, 0.45), fabric(rng)
    if rng.random() < 0.5:
        return Piece("ottoman", (post(0, 0, 0, h, r, material),))
    return Piece("ottoman", (box((-r, -r, 0), (r, r, h), material),))


def bench(rng: Generator) -> Piece:
    """A board on two end panels."""
    x, y, h, material = rng.uniform(0.5, 0.75), 0.18, rng.uniform(0.42, 0.48), wood(rng)
    parts = (
        box((-x, -y, h - 0.05), (x, y, h), material),
        box((-x + 0.05, -y, 0), (-x + 0.1, y, h - 0.05), material),
        box((x - 0.1, -y, 0), (x - 0.05, y, h - 0.05), material),
    )
    return Piece("bench", parts, whole_top(x, y, h))


def bed(rng: Generator) -> Piece:
    """Frame, mattress, headboard and a blanket over the foot end."""
    x, y, h = rng.uniform(0.5, 0.85), rng.uniform(1.0, 1.05), rng.uniform(0.45, 0.6)
    frame, sheet = wood(rng), lacquer(rng, (0.0, 0.2), (0.8, 0.98))
    blanket = fabric(rng)
    parts = (
        box((-x, -y, 0.05), (x, y, 0.28), frame),
        box((-x, -y, 0.28), (x, -y + 0.06, rng.uniform(0.9, 1.2)), frame),
        box((-x + 0.02, -y + 0.06, 0.28), (x - 0.02, y - 0.02, h), sheet),
        box((-x - 0.01, -y + 0.75, 0.3), (x + 0.01, y + 0.01, h + 0.03), blanket),
        *legs(x - 0.06, y - 0.06, 0.05, 0.03, frame),
    )
    return Piece("bed", parts, Top(h, (-x + 0.05, -y + 0.1), (x - 0.05, -y + 0.7)))


def _on_legs(name: str, rng: Generator, x: float, y: float, h: float) -> Piece:
    """A board on four legs with an apron under it."""
    material = wood(rng) if rng.random() < 0.7 else lacquer(rng)
    frame = material if rng.random() < 0.6 else metal(rng)
    r, inset = rng.uniform(0.02, 0.035), 0.06
    parts: list[Solid] = [box((-x, -y, h - 0.04), (x, y, h), material)]
    parts += legs(x - inset, y - inset, h - 0.04, r, frame)
    apron = (inset - x, inset - y, h - 0.1), (x - inset, y - inset, h - 0.04)
    parts.append(box(*apron, frame))
    return Piece(name, tuple(parts), whole_top(x, y, h))


def table(rng: Generator) -> Piece:
    """A dining table, long or round."""
    h = rng.uniform(0.7, 0.78)
    if rng.random() < 0.7:
        x, y = rng.uniform(0.45, 0.8), rng.uniform(0.35, 0.48)
        return _on_legs("table", rng, x, y, h)
    r, material = rng.uniform(0.4, 0.58), wood(rng)
    parts = (
        post(0, 0, h - 0.04, h, r, material),
        post(0, 0, 0.04, h - 0.04, 0.05, material),
        post(0, 0, 0, 0.04, r * 0.55, material),
    )
    return Piece("table", parts, whole_top(r * 0.7, r * 0.7, h))


def coffee_table(rng: Generator) -> Piece:
    """A low table."""
    x, y = rng.uniform(0.35, 0.6), rng.uniform(0.25, 0.35)
    return _on_legs("coffee table", rng, x, y, rng.uniform(0.38, 0.48))


def desk(rng: Generator) -> Piece:
    """A board on a side panel and a block of drawers."""
    x, y, h = rng.uniform(0.55, 0.8), rng.uniform(0.32, 0.4), rng.uniform(0.7, 0.76)
    board, body = wood(rng), lacquer(rng) if rng.random() < 0.6 else wood(rng)
    left = x - rng.uniform(0.35, 0.42)
    parts: list[Solid] = [
        box((-x, -y, h - 0.04), (x, y, h), board),
        box((-x, -y, 0), (-x + 0.04, y, h - 0.04), body),
        box((left, -y + 0.02, 0.02), (x, y - 0.04, h - 0.04), body),
        box((-x + 0.04, -y, h - 0.4), (left, -y + 0.02, h - 0.04), body),
    ]
    for level in (0.06, 0.27, 0.48):
        front = (left + 0.02, y - 0.04, level), (x - 0.02, y - 0.02, level + 0.17)
        parts.append(box(*front, board))
    return Piece("desk", tuple(parts), whole_top(x, y, h))


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
    for z in levels:
        parts.append(box((-x + board, -y + 0.015, z), (x - board, y, z + board), body))
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
