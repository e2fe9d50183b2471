"""What stands behind the pavements: houses, terraces, villas in gardens, parks."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from vantage3d.synthetic.render.materials import Material, pick, random_seed, toned
from vantage3d.synthetic.render.solids import Solid, placed
from vantage3d.synthetic.streets.objects import leaves, make_tree
from vantage3d.synthetic.streets.site import (
    GABLE,
    KERB,
    PAVEMENT,
    Site,
    Style,
    ball,
    box,
    tag,
)
from vantage3d.synthetic.streets.surfaces import Facade, Leaves

SECTIONS = ("terrace", "villas", "green")
SHARES = (0.38, 0.3, 0.32)
DEPTH, FLOOR = 9.0, 2.9  # metres of a house
ALIKE = 0.6  # share of sections with the same on both sides


def make_sections(site: Site) -> Iterator[Solid]:
    """What stands behind the pavements."""
    build = {"terrace": _terrace, "villas": _villas, "green": _green}
    for start, stop, kinds in _plan(site):
        for kind, side in zip(kinds, (1.0, -1.0)):
            yield from build[kind](site, start, stop, side)


def _plan(site: Site) -> Iterator[tuple[float, float, tuple[str, str]]]:
    """Sections from behind the start to the end, and what is left and right."""
    x = site.start
    while x < site.stop - 8:
        length = min(float(site.rng.uniform(28, 46)), site.stop - x)
        left, right = (str(kind) for kind in site.rng.choice(SECTIONS, 2, p=SHARES))
        alike = site.rng.random() < ALIKE
        yield x, x + length, (left, left if alike else right)
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
            tree = make_tree(site.style, site.rng)
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
        green = leaves(site.style, site.rng, 0.08)
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
                yield from placed(make_tree(site.style, site.rng), at, 0.0)
    green = leaves(site.style, site.rng, 0.1)
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
    seed = random_seed(rng)
    roof = Material(color, toned(color, 0.72), "planks", 0.3, seed)
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
        cover = box((2.1, 2.9, 0.14), (-x, y, height + 2.35), roof, ids)
        solids.append(cover)
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
