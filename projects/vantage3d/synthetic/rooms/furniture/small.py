"""Small things for the floor and for the tops of others, and things on walls."""

import numpy as np

from vantage3d.synthetic.render.materials import (
    artwork,
    books,
    cardboard,
    fabric,
    lacquer,
    leaves,
    metal,
    screen,
    sky,
    wood,
)
from vantage3d.synthetic.render.solids import Solid
from vantage3d.synthetic.rooms.furniture.piece import Generator, Piece, ball, box, post


def carton(rng: Generator) -> Piece:
    """A cardboard or plastic box with a strip of tape."""
    x, y, h = rng.uniform(0.14, 0.28), rng.uniform(0.12, 0.24), rng.uniform(0.18, 0.45)
    material, tape = cardboard(rng), lacquer(rng)
    if rng.random() < 0.5:
        material = lacquer(rng)
    strip = box((-x, -0.03, h), (x, 0.03, h + 0.004), tape)
    return Piece("box", (box((-x, -y, 0), (x, y, h), material), strip))


def small_carton(rng: Generator) -> Piece:
    """A parcel for a table."""
    x, y, h = rng.uniform(0.08, 0.15), rng.uniform(0.07, 0.13), rng.uniform(0.1, 0.22)
    material = lacquer(rng) if rng.random() < 0.6 else cardboard(rng)
    return Piece("box", (box((-x, -y, 0), (x, y, h), material),))


def plant(rng: Generator) -> Piece:
    """A pot with a trunk and clumps of leaves."""
    r, h, green = rng.uniform(0.12, 0.2), rng.uniform(0.22, 0.35), leaves(rng)
    tall = rng.uniform(0.35, 0.7)
    parts: list[Solid] = [
        post(0, 0, 0, h, r, lacquer(rng)),
        post(0, 0, h, h + tall, 0.025, wood(rng)),
    ]
    for _ in range(int(rng.integers(4, 8))):
        half = rng.uniform(0.1, 0.19, 3)
        at = (*rng.uniform(-0.14, 0.14, 2), h + tall * rng.uniform(0.6, 1.15))
        parts.append(ball(at, tuple(half), green))
    return Piece("plant", tuple(parts))


def small_plant(rng: Generator) -> Piece:
    """A pot with one bush."""
    r, h = rng.uniform(0.06, 0.09), rng.uniform(0.1, 0.14)
    bush = rng.uniform(0.09, 0.13)
    top = ball((0, 0, h + bush * 0.7), (bush, bush, bush), leaves(rng))
    return Piece("plant", (post(0, 0, 0, h, r, lacquer(rng)), top))


def floor_lamp(rng: Generator) -> Piece:
    """A foot, a pole and a shade."""
    h, r, frame = rng.uniform(1.3, 1.7), rng.uniform(0.15, 0.22), metal(rng)
    shade = lacquer(rng, (0.05, 0.6), (0.8, 1.0))
    parts = (
        post(0, 0, 0, 0.03, 0.15, frame),
        post(0, 0, 0.03, h - 0.25, 0.018, frame),
        post(0, 0, h - 0.27, h, r, shade),
    )
    return Piece("lamp", parts)


def table_lamp(rng: Generator) -> Piece:
    """A foot, a stem and a shade."""
    h, r, frame = rng.uniform(0.35, 0.5), rng.uniform(0.1, 0.15), lacquer(rng)
    shade = lacquer(rng, (0.05, 0.6), (0.8, 1.0))
    parts = (
        post(0, 0, 0, 0.02, 0.07, frame),
        post(0, 0, 0.02, h - 0.15, 0.025, frame),
        post(0, 0, h - 0.18, h, r, shade),
    )
    return Piece("lamp", parts)


def monitor(rng: Generator) -> Piece:
    """A screen on a stand."""
    x, high, dark = rng.uniform(0.22, 0.32), rng.uniform(0.42, 0.52), metal(rng)
    parts = (
        box((-0.12, -0.09, 0), (0.12, 0.09, 0.015), dark),
        box((-0.025, -0.035, 0.015), (0.025, -0.01, 0.3), dark),
        box((-x, -0.01, 0.12), (x, 0.025, high), dark),
        box((-x + 0.015, 0.025, 0.135), (x - 0.015, 0.028, high - 0.015), screen(rng)),
    )
    return Piece("monitor", parts)


def tv(rng: Generator) -> Piece:
    """A large screen on two feet."""
    x, high, dark = rng.uniform(0.4, 0.58), rng.uniform(0.55, 0.68), metal(rng)
    parts: list[Solid] = [
        box((-x, -0.03, 0.05), (x, 0.025, high), dark),
        box((-x + 0.02, 0.025, 0.07), (x - 0.02, 0.028, high - 0.02), screen(rng)),
    ]
    for at in (-0.6 * x, 0.6 * x):
        parts.append(box((at - 0.02, -0.1, 0), (at + 0.02, 0.1, 0.05), dark))
    return Piece("tv", tuple(parts))


def laptop(rng: Generator) -> Piece:
    """A keyboard half and a leaning lid."""
    x, shell = rng.uniform(0.15, 0.18), metal(rng)
    parts = (
        box((-x, -0.11, 0), (x, 0.12, 0.02), shell),
        box((-x, -0.15, 0.015), (x, -0.135, 0.23), shell, 0.22),
        box((-x + 0.02, -0.135, 0.03), (x - 0.02, -0.132, 0.215), screen(rng), 0.22),
    )
    return Piece("laptop", parts)


def book_pile(rng: Generator) -> Piece:
    """Books lying on each other."""
    parts: list[Solid] = []
    level = 0.0
    for _ in range(int(rng.integers(2, 6))):
        x, y = rng.uniform(0.09, 0.14), rng.uniform(0.07, 0.11)
        thick = rng.uniform(0.02, 0.05)
        parts.append(box((-x, -y, level), (x, y, level + thick), lacquer(rng)))
        level += thick
    return Piece("book", tuple(parts))


def book_row(rng: Generator) -> Piece:
    """Books standing in a row."""
    x, h = rng.uniform(0.1, 0.2), rng.uniform(0.18, 0.25)
    return Piece("book", (box((-x, -0.08, 0), (x, 0.08, h), books(rng)),))


def bottle(rng: Generator) -> Piece:
    """A body, a neck and a cap."""
    r, h, glass = rng.uniform(0.04, 0.055), rng.uniform(0.22, 0.32), lacquer(rng)
    parts = (
        post(0, 0, 0, h * 0.65, r, glass),
        post(0, 0, h * 0.65, h - 0.02, r * 0.45, glass),
        post(0, 0, h - 0.02, h, r * 0.5, metal(rng)),
    )
    return Piece("bottle", parts)


def bowl(rng: Generator) -> Piece:
    """A wide low vessel on a foot, filled."""
    r, h = rng.uniform(0.1, 0.15), rng.uniform(0.07, 0.1)
    parts = (
        post(0, 0, 0, 0.02, r * 0.5, lacquer(rng)),
        post(0, 0, 0.02, h, r, lacquer(rng)),
        ball((0, 0, h), (r * 0.8, r * 0.8, 0.05), lacquer(rng, (0.6, 1.0))),
    )
    return Piece("bowl", parts)


def pillow(rng: Generator) -> Piece:
    """A flat ellipsoid."""
    x, y, h = rng.uniform(0.22, 0.3), rng.uniform(0.16, 0.22), rng.uniform(0.07, 0.1)
    return Piece("pillow", (ball((0, 0, h), (x, y, h), fabric(rng)),))


def microwave(rng: Generator) -> Piece:
    """A case with a dark door and a panel."""
    x, y, h = rng.uniform(0.22, 0.26), rng.uniform(0.16, 0.2), rng.uniform(0.26, 0.3)
    door = (-x + 0.02, y, 0.03), (x - 0.12, y + 0.01, h - 0.03)
    case = box((-x, -y, 0), (x, y, h), lacquer(rng, (0.0, 0.3)))
    return Piece("microwave", (case, box(*door, screen(rng))))


def picture(rng: Generator) -> Piece:
    """A framed print."""
    x, h = rng.uniform(0.2, 0.5), rng.uniform(0.35, 0.75)
    frame = wood(rng) if rng.random() < 0.5 else metal(rng)
    print_area = (-x + 0.035, 0.03, 0.035), (x - 0.035, 0.034, h - 0.035)
    parts = (box((-x, 0, 0), (x, 0.03, h), frame), box(*print_area, artwork(rng)))
    return Piece("picture", parts)


def whiteboard(rng: Generator) -> Piece:
    """A white board with a tray."""
    x, h = rng.uniform(0.5, 0.9), rng.uniform(0.7, 0.95)
    board = (-x + 0.03, 0.02, 0.03), (x - 0.03, 0.024, h - 0.03)
    parts = (
        box((-x, 0, 0), (x, 0.02, h), metal(rng)),
        box(*board, artwork(rng, pale=True)),
        box((-x * 0.5, 0.02, 0), (x * 0.5, 0.08, 0.025), metal(rng)),
    )
    return Piece("whiteboard", parts)


def window(rng: Generator) -> Piece:
    """A frame with panes and a sill."""
    x, h, t = rng.uniform(0.4, 0.8), rng.uniform(0.9, 1.2), 0.06
    frame, glass = lacquer(rng, (0.0, 0.15), (0.75, 0.95)), sky(rng)
    parts = (
        box((-x, 0, 0), (x, 0.02, h), glass),
        box((-x, 0.02, 0), (-x + t, 0.06, h), frame),
        box((x - t, 0.02, 0), (x, 0.06, h), frame),
        box((-x + t, 0.02, h - t), (x - t, 0.06, h), frame),
        box((-x + t, 0.02, 0), (x - t, 0.06, t), frame),
        box((-t / 2, 0.02, t), (t / 2, 0.05, h - t), frame),
        box((-x - 0.04, 0, -0.03), (x + 0.04, 0.12, 0), frame),
    )
    return Piece("window", parts)


def door(rng: Generator) -> Piece:
    """A leaf with two panels, a frame and a handle."""
    x, h = rng.uniform(0.42, 0.5), rng.uniform(1.98, 2.1)
    leaf = wood(rng) if rng.random() < 0.6 else lacquer(rng)
    frame, trim = lacquer(rng, (0.0, 0.2), (0.6, 0.95)), metal(rng)
    parts = (
        box((-x, 0, 0), (x, 0.03, h), leaf),
        box((-x - 0.08, 0, 0), (-x, 0.06, h + 0.08), frame),
        box((x, 0, 0), (x + 0.08, 0.06, h + 0.08), frame),
        box((-x, 0, h), (x, 0.06, h + 0.08), frame),
        box((-x + 0.12, 0.03, 0.2), (x - 0.12, 0.042, 0.9), leaf),
        box((-x + 0.12, 0.03, 1.1), (x - 0.12, 0.042, h - 0.15), leaf),
        box((x - 0.1, 0.03, 0.98), (x - 0.02, 0.08, 1.02), trim),
    )
    return Piece("door", parts)


def radiator(rng: Generator) -> Piece:
    """Ribs between two rails."""
    x, h, white = rng.uniform(0.35, 0.6), 0.55, lacquer(rng, (0.0, 0.1), (0.8, 0.97))
    parts: list[Solid] = [
        box((-x, 0.03, 0), (x, 0.1, 0.05), white),
        box((-x, 0.03, h - 0.05), (x, 0.1, h), white),
    ]
    for center in np.arange(-x + 0.03, x - 0.02, 0.09):
        rib = (center - 0.025, 0.02, 0.05), (center + 0.025, 0.11, h - 0.05)
        parts.append(box(*rib, white))
    return Piece("radiator", tuple(parts))


def curtain(rng: Generator) -> Piece:
    """Hanging cloth in folds, from a rod to near the floor."""
    cloth, h, folds = fabric(rng), rng.uniform(1.9, 2.1), int(rng.integers(4, 7))
    x, parts = folds * 0.06, []
    for n in range(folds):
        left, front = -x + 0.12 * n, 0.07 + 0.04 * (n % 2)
        parts.append(box((left, 0.02, 0), (left + 0.12, front, h), cloth))
    rod = box((-x - 0.05, 0.03, h), (x + 0.05, 0.06, h + 0.03), metal(rng))
    return Piece("curtain", (*parts, rod))
