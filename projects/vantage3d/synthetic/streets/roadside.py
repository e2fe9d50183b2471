"""What stands along the kerb, and what moves on the road."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from vantage3d.synthetic.render.solids import Floats, Solid
from vantage3d.synthetic.streets.piece import placed
from vantage3d.synthetic.streets.plants import (
    make_clutter,
    make_lamp,
    make_sign,
    make_tree,
)
from vantage3d.synthetic.streets.site import KERB, LANE, PARKING, PAVEMENT, Site
from vantage3d.synthetic.streets.vehicles import make_car, make_person


class Mover(NamedTuple):
    """Something that moves.

    Attributes:
        solids: Where it is at time 0.
        velocity: (3,) metres per second.
    """

    solids: tuple[Solid, ...]
    velocity: Floats


def make_kerbside(site: Site, side: float) -> Iterator[Solid]:
    """Parked cars, trees, lamps, signs and clutter along the kerb."""
    rng = site.rng
    for x in np.arange(site.start, site.stop - 12, 6.1):
        if rng.random() < 0.5:
            at = np.array([x + rng.uniform(-0.4, 0.4), side * 4.65, 0.01])
            yaw = (0.0 if side < 0 else np.pi) + float(rng.uniform(-0.03, 0.03))
            yield from placed(make_car(rng, next(site.number)), at, yaw)
    for x in site.every(17.0):
        if rng.random() < 0.45:
            at = np.array([x, side * (PARKING + 0.5), KERB])
            yield from placed(make_tree(site.style, rng), at, 0.0)
    for x in site.every(29.0):
        at = np.array([x + 7 * side, side * (PARKING + 0.4), KERB])
        yield from placed(make_lamp(side), at, 0.0)
    for x in site.every(24.0):
        at = np.array([x, side * (PARKING + 0.45), KERB])
        yield from placed(make_sign(rng, next(site.number)), at, 0.0)
    for x in site.every(11.0):
        at = np.array([x, side * (PAVEMENT - 0.5), KERB])
        yield from placed(make_clutter(rng, next(site.number)), at, 0.0)


def make_traffic(site: Site, duration_s: float) -> Iterator[Mover]:
    """Oncoming cars, one ahead, and people who walk."""
    rng = site.rng
    gap = float(rng.uniform(18, 40))
    reach = site.stop - 15 + 11 * duration_s
    while gap < reach:
        at = np.array([gap, LANE + rng.uniform(-0.2, 0.2), 0.01])
        car = placed(make_car(rng, next(site.number)), at, np.pi)
        yield Mover(tuple(car), np.array([-float(rng.uniform(8, 11)), 0, 0]))
        gap += float(rng.uniform(35, 80))
    if rng.random() < 0.6:
        at = np.array([float(rng.uniform(16, 30)), -LANE, 0.01])
        car = placed(make_car(rng, next(site.number)), at, 0.0)
        yield Mover(tuple(car), np.array([8.6, 0, 0]))
    for x in site.every(14.0):
        side, way = rng.choice([-1.0, 1.0], 2)
        across = side * float(rng.uniform(PARKING + 1.0, PAVEMENT - 0.9))
        person = placed(
            make_person(rng, next(site.number)),
            np.array([x, across, KERB]),
            0.0 if way > 0 else np.pi,
        )
        pace = float(rng.choice([0.0, 1.0, 1.0])) * way * rng.uniform(1.0, 1.6)
        yield Mover(tuple(person), np.array([pace, 0, 0]))
