"""Surfaces for self-tests, and broken answers to them."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from vantage3d.referee.clouds.readers import Surface
from vantage3d.referee.task import Broken

UNITS = 3
POINTS = 400
STEP = 0.0625  # metres: floats of 32 bits hold its multiples exactly
Surfaces = Mapping[str, Surface]


def units() -> dict[str, Surface]:
    """Points on the floor and two walls of rooms, far from the origin."""
    found = {}
    for number in range(UNITS):
        rng = np.random.default_rng(number)
        cells = rng.integers(0, 64, (POINTS, 3))
        cells[np.arange(POINTS), rng.integers(0, 3, POINTS)] = 0
        cells = np.unique(cells, axis=0)
        found[f"scene{number:04d}_00"] = Surface(STEP * cells + [40, 8, -16 * number])
    return found


def broken() -> dict[str, Broken]:
    """Wrong answers by name."""
    found: dict[str, Callable[[Surfaces], Surfaces]] = {
        "of another scene": _shifted,
        "scaled by three": _each(lambda p: 3 * p),
        "millimetres for metres": _each(lambda p: 1000 * p),
        "world to camera": _each(lambda p: -p),
        "axes exchanged": _each(lambda p: p[:, ::-1]),
        "heights upside down": _each(lambda p: p * [1, 1, -1] + [0, 0, 99]),
        "moved by ten metres": _each(lambda p: p + 10),
        "one point": _each(lambda p: p.mean(axis=0, keepdims=True)),
        "the origin": _each(lambda p: np.zeros_like(p)),
        "NaN": _each(lambda p: np.full_like(p, np.nan)),
        "nothing": _each(lambda p: p[:0]),
        "two columns": _each(lambda p: p[:, :2]),
    }
    return dict(found)


def _each(change: Callable[[NDArray], NDArray]) -> Callable[[Surfaces], Surfaces]:
    return lambda truths: {n: Surface(change(one.points)) for n, one in truths.items()}


def _shifted(truths: Surfaces) -> Surfaces:
    names = list(truths)
    return {name: truths[other] for name, other in zip(names, names[1:] + names[:1])}
