"""Things to sit and lie on, and tables and desks beside them."""

from vantage3d.synthetic.render.palette import fabric, lacquer, metal, wood
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
    ]
    parts += [box((-x, -y + 0.2, 0.3), (-x + arm, y, 0.6), material)]
    parts += [box((x - arm, -y + 0.2, 0.3), (x, y, 0.6), material)]
    step = (2 * x - 2 * arm) / seats
    for number in range(seats):
        left = -x + arm + number * step
        low, high_corner = (left + 0.005, -y + 0.2, 0.3), (left + step - 0.005, y, 0.45)
        parts.append(box(low, high_corner, cushion))
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
