"""A straight street: road, pavements, rows of houses, gardens, cars and people."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from vantage3d.synthetic.render.materials import Material, random_seed, toned
from vantage3d.synthetic.render.solids import Floats, Solid, placed
from vantage3d.synthetic.streets import objects
from vantage3d.synthetic.streets.sections import make_house, make_sections
from vantage3d.synthetic.streets.site import (
    BEFORE,
    BEYOND,
    KERB,
    LANE,
    PARKING,
    PAVEMENT,
    ROAD,
    STYLES,
    Site,
    Style,
    box,
    tag,
)
from vantage3d.synthetic.streets.surfaces import Ground, Paving, Road, Sun


class Mover(NamedTuple):
    """Something that moves."""

    solids: tuple[Solid, ...]  # where it is at time 0
    velocity: Floats  # (3,) metres per second


@dataclass(frozen=True, eq=False)
class Street:
    """Everything along one drive; x along the street, y left, z up, metres.

    ``instance`` of each solid is its value in KITTI-360's instance images.

    Attributes:
        style: The district.
        length: Metres that the drive covers; it starts at x = 0.
        solids: What stands still.
        movers: What moves.
        seed: Of the sky.
    """

    style: Style
    length: float
    solids: tuple[Solid, ...]
    movers: tuple[Mover, ...]
    seed: int

    def at(self, time_s: float) -> list[Solid]:
        """All solids where they are at a time; those that stand still come first."""
        moved = [
            replace(solid, center=solid.center + time_s * mover.velocity)
            for mover in self.movers
            for solid in mover.solids
        ]
        return [*self.solids, *moved]

    @cached_property
    def sun(self) -> Sun:
        """The light, with the shadows of what stands still."""
        low = np.array([-BEFORE, -PAVEMENT - 3, 0.0])
        high = np.array([self.length + BEYOND, PAVEMENT + 3, 9.0])
        return Sun(self.style, self.solids, low, high)


def make_street(style: str, seed: int, length: float, duration_s: float) -> Street:
    """A random street.

    Args:
        style: A name in ``STYLES``.
        seed: Same arguments, same street.
        length: Metres of the drive.
        duration_s: Seconds of the drive, for what comes towards it.
    """
    look, rng = STYLES[style], np.random.default_rng([seed, 10])
    site = Site(look, rng, length)
    solids = [*make_ground(site), *make_end(site), *make_sections(site)]
    for side in (1.0, -1.0):
        solids += make_kerbside(site, side)
    movers = tuple(make_traffic(site, duration_s))
    return Street(look, length, tuple(solids), movers, random_seed(rng))


def make_ground(site: Site) -> Iterator[Solid]:
    """Road, parking strips, pavements and grass."""
    grey, seed = site.style.asphalt, random_seed(site.rng)
    dark, light = (0.9 * grey, 0.9 * grey, 0.95 * grey), (grey, grey, 1.03 * grey)
    long, middle = site.stop - site.start + 60, (site.stop + site.start) / 2
    road = Road(dark, light, "noise", 0.12, seed, ROAD)
    yield box((long, 2 * ROAD, 0.4), (middle, 0, -0.2), road, tag("road"))
    strip = Ground(toned(dark, 1.15), toned(light, 1.2), "noise", 0.1, seed + 1)
    stone = Paving((0.58, 0.56, 0.53), scale=0.6, seed=seed + 2)
    curb = Material((0.66, 0.65, 0.63), (0.58, 0.57, 0.55), "stripes", 1.0)
    grass = objects.leaves(site.style, site.rng, 0.06)
    field = Ground(grass.color, grass.second, "noise", 0.25, seed + 3)
    for side in (1, -1):
        across, y = PARKING - ROAD, side * (ROAD + PARKING) / 2
        yield box((long, across, 0.4), (middle, y, -0.19), strip, tag("parking"))
        across, y = PAVEMENT - PARKING, side * (PARKING + PAVEMENT) / 2
        z, ids = KERB - 0.2, tag("sidewalk")
        yield box((long, across, 0.4), (middle, y, z), stone, ids)
        y = side * (PARKING - 0.06)
        yield box((long, 0.14, 0.4), (middle, y, z + 0.005), curb, ids)
        y = side * (PAVEMENT + 60)
        yield box((long, 120, 0.4), (middle, y, z - 0.02), field, tag("terrain"))


def make_end(site: Site) -> Iterator[Solid]:
    """Houses across the far end, so that the street leads somewhere."""
    for y in (-26.0, -13.0, 0.0, 13.0, 26.0):
        house = make_house(site.style, site.rng, 12.6, next(site.number), 1.0)
        yield from placed(house, np.array([site.stop, y, KERB]), -np.pi / 2)


def make_kerbside(site: Site, side: float) -> Iterator[Solid]:
    """Parked cars, trees, lamps, signs and clutter along the kerb."""
    rng = site.rng
    for x in np.arange(site.start, site.stop - 12, 6.1):
        if rng.random() < 0.5:
            at = np.array([x + rng.uniform(-0.4, 0.4), side * 4.65, 0.01])
            yaw = (0.0 if side < 0 else np.pi) + float(rng.uniform(-0.03, 0.03))
            yield from placed(objects.make_car(rng, next(site.number)), at, yaw)
    for x in site.every(17.0):
        if rng.random() < 0.45:
            at = np.array([x, side * (PARKING + 0.5), KERB])
            yield from placed(objects.make_tree(site.style, rng), at, 0.0)
    for x in site.every(29.0):
        at = np.array([x + 7 * side, side * (PARKING + 0.4), KERB])
        yield from placed(objects.make_lamp(side), at, 0.0)
    for x in site.every(24.0):
        at = np.array([x, side * (PARKING + 0.45), KERB])
        yield from placed(objects.make_sign(rng, next(site.number)), at, 0.0)
    for x in site.every(11.0):
        at = np.array([x, side * (PAVEMENT - 0.5), KERB])
        yield from placed(objects.make_clutter(rng, next(site.number)), at, 0.0)


def make_traffic(site: Site, duration_s: float) -> Iterator[Mover]:
    """Oncoming cars, one ahead, and people who walk."""
    rng = site.rng
    gap = float(rng.uniform(18, 40))
    reach = site.stop - 15 + 11 * duration_s
    while gap < reach:
        at = np.array([gap, LANE + rng.uniform(-0.2, 0.2), 0.01])
        car = placed(objects.make_car(rng, next(site.number)), at, np.pi)
        yield Mover(tuple(car), np.array([-float(rng.uniform(8, 11)), 0, 0]))
        gap += float(rng.uniform(35, 80))
    if rng.random() < 0.6:
        at = np.array([float(rng.uniform(16, 30)), -LANE, 0.01])
        car = placed(objects.make_car(rng, next(site.number)), at, 0.0)
        yield Mover(tuple(car), np.array([8.6, 0, 0]))
    for x in site.every(14.0):
        side, way = rng.choice([-1.0, 1.0], 2)
        across = side * float(rng.uniform(PARKING + 1.0, PAVEMENT - 0.9))
        person = placed(
            objects.make_person(rng, next(site.number)),
            np.array([x, across, KERB]),
            0.0 if way > 0 else np.pi,
        )
        pace = float(rng.choice([0.0, 1.0, 1.0])) * way * rng.uniform(1.0, 1.6)
        yield Mover(tuple(person), np.array([pace, 0, 0]))
