"""Things on walls: back at y = 0, hung by their lower edge at z = 0."""

import numpy as np

from vantage3d.synthetic.render.palette import (
    artwork,
    fabric,
    lacquer,
    metal,
    sky,
    wood,
)
from vantage3d.synthetic.render.solids import Solid
from vantage3d.synthetic.rooms.furniture.piece import Generator, Piece, box


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
