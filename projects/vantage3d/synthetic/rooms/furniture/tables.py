"""Tables and desks."""

from vantage3d.synthetic.render.palette import lacquer, metal, wood
from vantage3d.synthetic.render.solids import Solid
from vantage3d.synthetic.rooms.furniture.piece import (
    Generator,
    Piece,
    box,
    legs,
    post,
    whole_top,
)


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
