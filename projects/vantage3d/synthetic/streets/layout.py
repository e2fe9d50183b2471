"""A straight street: road and pavements, houses and gardens, cars and people."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from vantage3d.synthetic.render.materials import Material, pick, random_seed, toned
from vantage3d.synthetic.render.solids import Floats, Solid, placed
from vantage3d.synthetic.streets import objects
from vantage3d.synthetic.streets.site import (
    BEFORE,
    BEYOND,
    GABLE,
    KERB,
    LANE,
    PARKING,
    PAVEMENT,
    ROAD,
    STYLES,
    Site,
    Style,
    ball,
    box,
    tag,
)
from vantage3d.synthetic.streets.surfaces import (
    Facade,
    Ground,
    Leaves,
    Paving,
    Road,
    Sun,
)

SHARES = (0.38, 0.3, 0.32)  # of terraces, villas and parks
DEPTH, FLOOR = 9.0, 2.9  # metres of a house
ALIKE = 0.6  # share of sections with the same on both sides


class Mover(NamedTuple):
    """Something that moves."""

    solids: tuple[Solid, ...]  # where it is at time 0
    velocity: Floats  # (3,) metres per second


@dataclass(frozen=True, eq=False)
class Street:
    """Everything along one drive; x along the street, y left, z up, metres.

    ``instance`` of each solid is its value in KITTI-360's instance images.
    """

    style: Style
    length: float  # metres that the drive covers; it starts at x = 0
    solids: tuple[Solid, ...]  # what stands still
    movers: tuple[Mover, ...]
    seed: int  # of the sky

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
        at, yaw = np.array([x, across, KERB]), 0.0 if way > 0 else np.pi
        person = placed(objects.make_person(rng, next(site.number)), at, yaw)
        pace = float(rng.choice([0.0, 1.0, 1.0])) * way * rng.uniform(1.0, 1.6)
        yield Mover(tuple(person), np.array([pace, 0, 0]))


def make_sections(site: Site) -> Iterator[Solid]:
    """What stands behind the pavements, from before the start to beyond the end."""
    build = {"terrace": _terrace, "villas": _villas, "green": _green}
    x = site.start
    while x < site.stop - 8:
        length = min(float(site.rng.uniform(28, 46)), site.stop - x)
        left, right = (str(k) for k in site.rng.choice(list(build), 2, p=SHARES))
        if site.rng.random() < ALIKE:
            right = left
        for kind, side in ((left, 1.0), (right, -1.0)):
            yield from build[kind](site, x, x + length, side)
        x += length


def _terrace(site: Site, start: float, stop: float, side: float) -> Iterator[Solid]:
    """House beside house, right at the pavement."""
    houses = max(1, round((stop - start) / 9.5))
    width = (stop - start) / houses
    for number in range(houses):
        house = make_house(site.style, site.rng, width - 0.02, next(site.number), side)
        back = PAVEMENT + float(site.rng.uniform(0.0, 0.5))
        at = np.array([start + (number + 0.5) * width, side * back, KERB])
        yield from placed(house, at, 0.0)


def _villas(site: Site, start: float, stop: float, side: float) -> Iterator[Solid]:
    """Houses in gardens, garages between them, hedges, fences and walls before."""
    x = start + 1.0
    while x < stop - 9:
        width = float(site.rng.uniform(8, 10.5))
        gap = float(site.rng.uniform(4.5, 7.0))
        back = PAVEMENT + float(site.rng.uniform(2.5, 5.0))
        house = make_house(site.style, site.rng, width, next(site.number), side)
        at = np.array([x + width / 2, side * back, KERB])
        yield from placed(house, at, 0.0)
        yield _border(site, x, x + width, side)
        if site.rng.random() < 0.6:
            yield from _garage(site, x + width + gap / 2, gap - 1, back + 1, side)
        else:
            tree = objects.make_tree(site.style, site.rng)
            at = np.array([x + width + gap / 2, side * (back - 1), KERB])
            yield from placed(tree, at, 0.0)
        x += width + gap


def _border(site: Site, start: float, stop: float, side: float) -> Solid:
    """A hedge, a fence or a wall along the pavement."""
    kind = str(site.rng.choice(["hedge", "fence", "wall"]))
    height = float(site.rng.uniform(0.8, 1.4))
    at = ((start + stop) / 2, side * (PAVEMENT + 0.25), KERB + height / 2)
    long = stop - start - 1.2
    if kind == "hedge":
        green = objects.leaves(site.style, site.rng, 0.08)
        return box((long, 0.5, height), at, green, tag("vegetation"))
    color = pick(site.rng, site.style.wall_hue, (0.1, 0.4), (0.35, 0.7))
    if kind == "fence":
        slats = Material(color, toned(color, 0.4), "stripes", 0.07)
        return box((long, 0.08, height), at, slats, tag("fence"))
    seed = random_seed(site.rng)
    stone = Facade(
        color, toned(color, 1.3), seed=seed, height=height, width=long, brick=True,
        base=toned(color, 0.7), blind=True,
    )  # fmt: skip
    return box((long, 0.3, height), at, stone, tag("wall"))


def _garage(
    site: Site, x: float, width: float, back: float, side: float
) -> Iterator[Solid]:
    """A garage with a door."""
    ids, rng = tag("garage", next(site.number)), site.rng
    color = pick(rng, site.style.wall_hue, (0.05, 0.2), (0.55, 0.85))
    wall = Facade(color, toned(color, 0.8), height=2.7, width=width, blind=True)
    at = (x, side * (back + 3), KERB + 1.35)
    yield box((width, 6.0, 2.7), at, wall, ids)
    paint = pick(rng, (0.0, 0.7), (0.05, 0.4), (0.3, 0.8))
    door = Material(paint, toned(paint, 0.8), "rows", 0.22)
    at = (x, side * (back - 0.03), KERB + 1.1)
    yield box((width * 0.8, 0.1, 2.2), at, door, ids)


def _green(site: Site, start: float, stop: float, side: float) -> Iterator[Solid]:
    """A park: trees and bushes, sometimes a long wall."""
    for x in np.arange(start + 2, stop, 4.2):
        for row in (2.0, 8.0, 16.0):
            if site.rng.random() < 0.7:
                off = site.rng.uniform(-1.2, 1.2, 2)
                at = np.array([x + off[0], side * (PAVEMENT + row + off[1]), KERB])
                yield from placed(objects.make_tree(site.style, site.rng), at, 0.0)
    green = objects.leaves(site.style, site.rng, 0.1)
    for x in site.rng.uniform(start, stop, 7):
        size = float(site.rng.uniform(0.5, 1.1))
        bush = (float(x), side * (PAVEMENT + 1.2), KERB + 0.4 * size)
        yield ball((size, 0.8 * size, 0.7 * size), bush, green, tag("vegetation"))
    if site.rng.random() < 0.5:
        yield _border(site, start, stop, side)


def make_house(
    style: Style, rng: np.random.Generator, width: float, number: int, side: float
) -> list[Solid]:
    """One house whose facade stands in the plane y = 0 and looks towards -side * y.

    Args:
        style: The district.
        rng: Source of randomness.
        width: Along the street, metres; the house is centred at x = 0.
        number: Instance of the building.
        side: 1 if the house stands left of the street, -1 right.
    """
    ids = tag("building", number)
    floors = int(rng.integers(style.floors[0], style.floors[1] + 1))
    height = floors * FLOOR + rng.uniform(0.5, 1.0)
    facade = _facade(style, rng, width, height)
    middle = side * DEPTH / 2
    solids: list[Solid] = [
        box((width, DEPTH, height), (0, middle, height / 2), facade, ids)
    ]
    color = pick(rng, style.roof_hue, (0.35, 0.7), (0.35, 0.6))
    roof = Material(color, toned(color, 0.72), "planks", 0.3, random_seed(rng))
    if rng.random() < 0.75:
        solids += _gable(rng, roof, facade, side, ids)
    else:
        slab = box((width + 0.4, DEPTH + 0.5, 0.35), (0, middle, height), roof, ids)
        solids.append(slab)
    if floors > 1 and rng.random() < 0.4:
        solids += _balconies(rng, facade, floors, side, ids)
    return solids


def _facade(
    style: Style, rng: np.random.Generator, width: float, height: float
) -> Facade:
    color = pick(rng, style.wall_hue, style.wall_saturation, style.wall_value)
    is_brick = bool(rng.random() < style.brick)
    trims = ((0.92, 0.91, 0.88), (0.4, 0.28, 0.2), (0.75, 0.72, 0.66))
    return Facade(
        color,
        toned(color, 1.35 if is_brick else 0.8),
        seed=random_seed(rng),
        height=height,
        width=width,
        brick=is_brick,
        trim=trims[int(rng.integers(len(trims)))],
        glass=pick(rng, (0.52, 0.64), (0.2, 0.45), (0.2, 0.36)),
        base=pick(rng, (0.0, 0.65), (0.1, 0.5), (0.2, 0.42)),
        floor=FLOOR,
        bay=float(rng.uniform(2.0, 3.0)),
    )


def _gable(
    rng: np.random.Generator, roof: Material, facade: Facade, side: float, ids: int
) -> list[Solid]:
    """A roof of 45 degrees along the street, a chimney, sometimes a dormer."""
    width, height, middle = facade.width, facade.height, side * DEPTH / 2
    edge = (DEPTH + 0.7) / np.sqrt(2)
    solids: list[Solid] = [
        box((width - 0.03, edge, edge), (0, middle, height - 0.25), roof, ids, GABLE)
    ]
    top = height + DEPTH / 2
    x = float(rng.uniform(-0.35, 0.35)) * width
    dark = Material((0.35, 0.2, 0.17), (0.25, 0.15, 0.12), "rows", 0.12)
    solids.append(box((0.7, 0.6, 2.0), (x, middle, top), dark, ids))
    if rng.random() < 0.5:
        wall = replace(
            facade, seed=0, base=facade.color, height=1.9, width=1.8, floor=1.9, bay=1.8
        )
        y = middle - side * DEPTH * 0.26
        solids.append(box((1.8, 2.6, 1.9), (-x, y, height + 1.35), wall, ids))
        solids.append(box((2.1, 2.9, 0.14), (-x, y, height + 2.35), roof, ids))
    return solids


def _balconies(
    rng: np.random.Generator, facade: Facade, floors: int, side: float, ids: int
) -> list[Solid]:
    """One balcony per upper floor, above each other."""
    slab = Material(toned(facade.trim, 0.8))
    rail = Material((0.25, 0.27, 0.3), (0.4, 0.42, 0.45), "stripes", 0.08)
    flowers = Leaves((0.2, 0.4, 0.15), (0.75, 0.2, 0.25), "noise", 0.08)
    x = float(rng.uniform(-0.25, 0.25)) * facade.width
    solids: list[Solid] = []
    for number in range(1, floors):
        z = number * FLOOR + 0.05
        solids.append(box((2.6, 1.2, 0.15), (x, -side * 0.6, z), slab, ids))
        solids.append(box((2.6, 0.06, 0.85), (x, -side * 1.15, z + 0.5), rail, ids))
        if rng.random() < 0.5:
            y = -side * 1.25
            solids.append(box((2.2, 0.2, 0.3), (x, y, z + 0.85), flowers, ids))
    return solids
