"""A straight street: road, pavements, rows of houses, gardens, cars and people."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count
from typing import NamedTuple

import numpy as np

from projects.common.synthetic.materials import Material
from projects.common.synthetic.solids import Floats, Solid
from projects.common.synthetic.street.houses import make_house
from projects.common.synthetic.street.light import Sun
from projects.common.synthetic.street.piece import ball, box, placed, tag
from projects.common.synthetic.street.plants import (
    leaves,
    make_clutter,
    make_lamp,
    make_sign,
    make_tree,
)
from projects.common.synthetic.street.style import STYLES, Style, pick, toned
from projects.common.synthetic.street.surfaces import Facade, Ground, Paving, Road
from projects.common.synthetic.street.vehicles import make_car, make_person

BEFORE, BEYOND = 40.0, 95.0  # street behind the start and after the end of a drive
ROAD, PARKING, PAVEMENT = 3.5, 5.7, 8.2  # half widths, metres
LANE = 1.75
KERB = 0.12
SECTIONS = ("terrace", "villas", "green")
SHARES = (0.38, 0.3, 0.32)
ALIKE = 0.6  # share of sections with the same on both sides


class Mover(NamedTuple):
    """Something that moves.

    Attributes:
        solids: Where it is at time 0.
        velocity: (3,) metres per second.
    """

    solids: tuple[Solid, ...]
    velocity: Floats


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
    builder = _Builder(look, rng, length)
    solids = [*builder.ground(), *builder.end(), *builder.sections()]
    for side in (1.0, -1.0):
        solids += builder.kerbside(side)
    movers = tuple(builder.traffic(duration_s))
    return Street(look, length, tuple(solids), movers, int(rng.integers(1 << 30)))


class _Builder:
    def __init__(self, style: Style, rng: np.random.Generator, length: float) -> None:
        self.style, self.rng = style, rng
        self.start, self.stop = -BEFORE, length + BEYOND
        self.number = count(1)

    def ground(self) -> Iterator[Solid]:
        """Road, parking strips, pavements and grass."""
        grey, seed = self.style.asphalt, int(self.rng.integers(1 << 30))
        dark, light = (0.9 * grey, 0.9 * grey, 0.95 * grey), (grey, grey, 1.03 * grey)
        long, middle = self.stop - self.start + 60, (self.stop + self.start) / 2
        road = Road(dark, light, "noise", 0.12, seed, ROAD)
        yield box((long, 2 * ROAD, 0.4), (middle, 0, -0.2), road, tag("road"))
        strip = Ground(toned(dark, 1.15), toned(light, 1.2), "noise", 0.1, seed + 1)
        stone = Paving((0.58, 0.56, 0.53), scale=0.6, seed=seed + 2)
        curb = Material((0.66, 0.65, 0.63), (0.58, 0.57, 0.55), "stripes", 1.0)
        grass = leaves(self.style, self.rng, 0.06)
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

    def end(self) -> Iterator[Solid]:
        """Houses across the far end, so that the street leads somewhere."""
        for y in (-26.0, -13.0, 0.0, 13.0, 26.0):
            house = make_house(self.style, self.rng, 12.6, next(self.number), 1.0)
            yield from placed(house, np.array([self.stop, y, KERB]), -np.pi / 2)

    def plan(self) -> Iterator[tuple[float, float, tuple[str, str]]]:
        """Sections from behind the start to the end, and what is left and right."""
        x = self.start
        while x < self.stop - 8:
            length = min(float(self.rng.uniform(28, 46)), self.stop - x)
            left, right = (str(kind) for kind in self.rng.choice(SECTIONS, 2, p=SHARES))
            alike = self.rng.random() < ALIKE
            yield x, x + length, (left, left if alike else right)
            x += length

    def sections(self) -> Iterator[Solid]:
        """What stands behind the pavements."""
        build = {
            "terrace": self._terrace,
            "villas": self._villas,
            "green": self._green,
        }
        for start, stop, kinds in self.plan():
            for kind, side in zip(kinds, (1.0, -1.0)):
                yield from build[kind](start, stop, side)

    def _terrace(self, start: float, stop: float, side: float) -> Iterator[Solid]:
        """House beside house, right at the pavement."""
        houses = max(1, round((stop - start) / 9.5))
        width = (stop - start) / houses
        for number in range(houses):
            house = make_house(
                self.style, self.rng, width - 0.02, next(self.number), side
            )
            back = PAVEMENT + float(self.rng.uniform(0.0, 0.5))
            at = np.array([start + (number + 0.5) * width, side * back, KERB])
            yield from placed(house, at, 0.0)

    def _villas(self, start: float, stop: float, side: float) -> Iterator[Solid]:
        """Houses in gardens, garages between them, hedges, fences and walls before."""
        x = start + 1.0
        while x < stop - 9:
            width = float(self.rng.uniform(8, 10.5))
            gap = float(self.rng.uniform(4.5, 7.0))
            back = PAVEMENT + float(self.rng.uniform(2.5, 5.0))
            house = make_house(self.style, self.rng, width, next(self.number), side)
            at = np.array([x + width / 2, side * back, KERB])
            yield from placed(house, at, 0.0)
            yield self._border(x, x + width, side)
            if self.rng.random() < 0.6:
                yield from self._garage(x + width + gap / 2, gap - 1, back + 1, side)
            else:
                tree = make_tree(self.style, self.rng)
                at = np.array([x + width + gap / 2, side * (back - 1), KERB])
                yield from placed(tree, at, 0.0)
            x += width + gap

    def _border(self, start: float, stop: float, side: float) -> Solid:
        """A hedge, a fence or a wall along the pavement."""
        kind = str(self.rng.choice(["hedge", "fence", "wall"]))
        height = float(self.rng.uniform(0.8, 1.4))
        at = ((start + stop) / 2, side * (PAVEMENT + 0.25), KERB + height / 2)
        long = stop - start - 1.2
        if kind == "hedge":
            green = leaves(self.style, self.rng, 0.08)
            return box((long, 0.5, height), at, green, tag("vegetation"))
        color = pick(self.rng, self.style.wall_hue, (0.1, 0.4), (0.35, 0.7))
        if kind == "fence":
            slats = Material(color, toned(color, 0.4), "stripes", 0.07)
            return box((long, 0.08, height), at, slats, tag("fence"))
        seed = int(self.rng.integers(1 << 30))
        stone = Facade(
            color, toned(color, 1.3), seed=seed, height=height, width=long, brick=True,
            base=toned(color, 0.7), blind=True,
        )  # fmt: skip
        return box((long, 0.3, height), at, stone, tag("wall"))

    def _garage(
        self, x: float, width: float, back: float, side: float
    ) -> Iterator[Solid]:
        """A garage with a door."""
        ids, rng = tag("garage", next(self.number)), self.rng
        color = pick(rng, self.style.wall_hue, (0.05, 0.2), (0.55, 0.85))
        wall = Facade(color, toned(color, 0.8), height=2.7, width=width, blind=True)
        at = (x, side * (back + 3), KERB + 1.35)
        yield box((width, 6.0, 2.7), at, wall, ids)
        paint = pick(rng, (0.0, 0.7), (0.05, 0.4), (0.3, 0.8))
        door = Material(paint, toned(paint, 0.8), "rows", 0.22)
        at = (x, side * (back - 0.03), KERB + 1.1)
        yield box((width * 0.8, 0.1, 2.2), at, door, ids)

    def _green(self, start: float, stop: float, side: float) -> Iterator[Solid]:
        """A park: trees and bushes, sometimes a long wall."""
        for x in np.arange(start + 2, stop, 4.2):
            for row in (2.0, 8.0, 16.0):
                if self.rng.random() < 0.7:
                    off = self.rng.uniform(-1.2, 1.2, 2)
                    at = np.array([x + off[0], side * (PAVEMENT + row + off[1]), KERB])
                    yield from placed(make_tree(self.style, self.rng), at, 0.0)
        green = leaves(self.style, self.rng, 0.1)
        for x in self.rng.uniform(start, stop, 7):
            size = float(self.rng.uniform(0.5, 1.1))
            bush = (float(x), side * (PAVEMENT + 1.2), KERB + 0.4 * size)
            yield ball((size, 0.8 * size, 0.7 * size), bush, green, tag("vegetation"))
        if self.rng.random() < 0.5:
            yield self._border(start, stop, side)

    def kerbside(self, side: float) -> Iterator[Solid]:
        """Parked cars, trees, lamps, signs and clutter along the kerb."""
        rng = self.rng
        for x in np.arange(self.start, self.stop - 12, 6.1):
            if rng.random() < 0.5:
                at = np.array([x + rng.uniform(-0.4, 0.4), side * 4.65, 0.01])
                yaw = (0.0 if side < 0 else np.pi) + float(rng.uniform(-0.03, 0.03))
                yield from placed(make_car(rng, next(self.number)), at, yaw)
        for x in self.every(17.0):
            if rng.random() < 0.45:
                at = np.array([x, side * (PARKING + 0.5), KERB])
                yield from placed(make_tree(self.style, rng), at, 0.0)
        for x in self.every(29.0):
            at = np.array([x + 7 * side, side * (PARKING + 0.4), KERB])
            yield from placed(make_lamp(side), at, 0.0)
        for x in self.every(24.0):
            at = np.array([x, side * (PARKING + 0.45), KERB])
            yield from placed(make_sign(rng, next(self.number)), at, 0.0)
        for x in self.every(11.0):
            at = np.array([x, side * (PAVEMENT - 0.5), KERB])
            yield from placed(make_clutter(rng, next(self.number)), at, 0.0)

    def every(self, step: float) -> list[float]:
        """Positions about ``step`` metres apart."""
        places = np.arange(self.start + 3, self.stop - 10, step)
        return [float(x + self.rng.uniform(-0.3, 0.3) * step) for x in places]

    def traffic(self, duration_s: float) -> Iterator[Mover]:
        """Oncoming cars, one ahead, and people who walk."""
        rng = self.rng
        gap = float(rng.uniform(18, 40))
        reach = self.stop - 15 + 11 * duration_s
        while gap < reach:
            at = np.array([gap, LANE + rng.uniform(-0.2, 0.2), 0.01])
            car = placed(make_car(rng, next(self.number)), at, np.pi)
            yield Mover(tuple(car), np.array([-float(rng.uniform(8, 11)), 0, 0]))
            gap += float(rng.uniform(35, 80))
        if rng.random() < 0.6:
            at = np.array([float(rng.uniform(16, 30)), -LANE, 0.01])
            car = placed(make_car(rng, next(self.number)), at, 0.0)
            yield Mover(tuple(car), np.array([8.6, 0, 0]))
        for x in self.every(14.0):
            side, way = rng.choice([-1.0, 1.0], 2)
            across = side * float(rng.uniform(PARKING + 1.0, PAVEMENT - 0.9))
            person = placed(
                make_person(rng, next(self.number)),
                np.array([x, across, KERB]),
                0.0 if way > 0 else np.pi,
            )
            pace = float(rng.choice([0.0, 1.0, 1.0])) * way * rng.uniform(1.0, 1.6)
            yield Mover(tuple(person), np.array([pace, 0, 0]))
