"""What stands behind the pavements: terraces, villas in gardens, parks."""

from collections.abc import Iterator

import numpy as np

from vantage3d.synthetic.render.materials import Material
from vantage3d.synthetic.render.palette import pick, random_seed, toned
from vantage3d.synthetic.render.solids import Solid, placed
from vantage3d.synthetic.streets.houses import make_house
from vantage3d.synthetic.streets.objects import leaves, make_tree
from vantage3d.synthetic.streets.piece import ball, box, tag
from vantage3d.synthetic.streets.site import KERB, PAVEMENT, Site
from vantage3d.synthetic.streets.surfaces import Facade

SECTIONS = ("terrace", "villas", "green")
SHARES = (0.38, 0.3, 0.32)
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
