"""Single things of a street: trees, lamps, signs, bins, cars, vans and people."""

import numpy as np

from vantage3d.synthetic.render.materials import (
    Color,
    Material,
    pick,
    random_seed,
    toned,
)
from vantage3d.synthetic.render.solids import Cylinder, Solid
from vantage3d.synthetic.streets.site import SIDEWAYS, Style, ball, box, post, tag
from vantage3d.synthetic.streets.surfaces import Leaves, Plate

CLOUDED = Material((0.8, 0.8, 0.75))
STEEL = Material((0.42, 0.44, 0.45))
SIGNS: tuple[tuple[Color, Color], ...] = (
    ((0.85, 0.85, 0.85), (0.75, 0.08, 0.08)),
    ((0.1, 0.25, 0.65), (0.9, 0.9, 0.9)),
    ((0.92, 0.78, 0.1), (0.1, 0.1, 0.1)),
)
RUBBER = Material((0.06, 0.06, 0.07))
RIM = Material((0.6, 0.6, 0.62))
GLASS = Material((0.09, 0.11, 0.13), (0.3, 0.36, 0.42), "rows", 0.35)
RED, WHITE = Material((0.65, 0.08, 0.06)), Material((0.92, 0.92, 0.86))


def leaves(style: Style, rng: np.random.Generator, scale: float) -> Leaves:
    """Foliage of the district, clumps of ``scale`` metres."""
    color = pick(rng, style.green, (0.4, 0.75), (0.3, 0.55))
    dark, light = toned(color, 0.5), toned(color, 1.25)
    return Leaves(dark, light, "noise", scale, random_seed(rng))


def make_tree(style: Style, rng: np.random.Generator) -> list[Solid]:
    """A broad-leaved tree or a conifer that stands at the origin."""
    ids = tag("vegetation")
    bark = Material(pick(rng, (0.06, 0.1), (0.3, 0.5), (0.2, 0.35)))
    tall = float(rng.uniform(4.5, 9.0))
    green = leaves(style, rng, 0.12)
    solids: list[Solid] = [post(0.04 + 0.013 * tall, 0.6 * tall, (0, 0, 0), bark, ids)]
    if rng.random() < 0.25:
        for level in range(4):
            radius, z = 0.2 * tall * (1 - 0.22 * level), tall * (0.3 + 0.2 * level)
            solids.append(ball((radius, radius, 0.17 * tall), (0, 0, z), green, ids))
        return solids
    radius = 0.22 * tall
    solids.append(ball((radius, radius, 0.9 * radius), (0, 0, 0.75 * tall), green, ids))
    for turn in rng.uniform(0, 2 * np.pi) + np.arange(4) * 1.7:
        part = float(rng.uniform(0.5, 0.75)) * radius
        x, y = 0.7 * radius * np.cos(turn), 0.7 * radius * np.sin(turn)
        at = (x, y, tall * float(rng.uniform(0.55, 0.85)))
        solids.append(ball((part, part, 0.85 * part), at, green, ids))
    return solids


def make_lamp(side: float) -> list[Solid]:
    """A street lamp whose arm reaches over the road."""
    pole, head = tag("pole"), tag("lamp")
    return [
        post(0.07, 6.2, (0, 0, 0), STEEL, pole),
        box((0.09, 1.6, 0.09), (0, -side * 0.75, 6.2), STEEL, pole),
        box((0.22, 0.7, 0.14), (0, -side * 1.5, 6.15), CLOUDED, head),
    ]


def make_sign(rng: np.random.Generator, number: int) -> list[Solid]:
    """A traffic sign that faces the traffic coming along +x."""
    face, ids = Plate(*SIGNS[rng.integers(len(SIGNS))]), tag("traffic sign", number)
    pole = post(0.035, 2.7, (0, 0, 0), STEEL, tag("smallpole"))
    return [pole, box((0.03, 0.64, 0.64), (-0.05, 0.0, 2.35), face, ids)]


def make_clutter(rng: np.random.Generator, number: int) -> list[Solid]:
    """A bin, a switch box or a post on the pavement."""
    kind = int(rng.integers(3))
    if kind == 0:
        color = Material(pick(rng, (0.05, 0.6), (0.2, 0.6), (0.2, 0.5)))
        lid = Material(toned(color.color, 0.6))
        ids = tag("trash bin", number)
        return [
            box((0.55, 0.6, 0.95), (0, 0, 0.48), color, ids),
            box((0.6, 0.66, 0.09), (0, 0, 1.0), lid, ids),
        ]
    if kind == 1:
        grey = Material((0.6, 0.62, 0.58), (0.5, 0.52, 0.48), "stripes", 0.5)
        return [box((0.9, 0.4, 1.2), (0, 0, 0.6), grey, tag("box", number))]
    return [post(0.06, 0.95, (0, 0, 0), Material((0.75, 0.2, 0.15)), tag("smallpole"))]


def _wheels(length: float, width: float, ids: int) -> list[Solid]:
    solids: list[Solid] = []
    for x in (-0.31 * length, 0.31 * length):
        for y in (-width / 2 + 0.08, width / 2 - 0.08):
            at = np.array([x, y, 0.31])
            for radius, half, material in ((0.31, 0.12, RUBBER), (0.18, 0.14, RIM)):
                size = np.array([radius, radius, half])
                solids.append(Cylinder(size, at, material, SIDEWAYS, ids))
    return solids


def _lights(length: float, width: float, z: float, ids: int) -> list[Solid]:
    solids: list[Solid] = []
    for sign in (-1, 1):
        y = sign * (width / 2 - 0.2)
        solids.append(box((0.06, 0.3, 0.16), (-length / 2, y, z), RED, ids))
        solids.append(box((0.06, 0.32, 0.15), (length / 2, y, z), WHITE, ids))
    solids.append(box((0.05, 0.5, 0.11), (-length / 2, 0, z - 0.2), WHITE, ids))
    return solids


def make_car(rng: np.random.Generator, number: int) -> list[Solid]:
    """A car that looks along +x and stands on z = 0; sometimes a van."""
    if rng.random() < 0.15:
        return make_van(rng, number)
    ids = tag("car", number)
    length, width = float(rng.uniform(3.9, 4.7)), float(rng.uniform(1.7, 1.85))
    paint = _paint(rng)
    roof = float(rng.uniform(1.4, 1.6))
    body = box((length, width, 0.56), (0, 0, 0.56), paint, ids)
    hood = ball((length / 2, width / 2, 0.24), (0, 0, 0.8), paint, ids)
    back = float(rng.uniform(-0.45, -0.1))
    cabin = ball(
        (length * 0.33, width * 0.46, roof - 0.75), (back, 0, 0.75), GLASS, ids
    )
    top = ball((length * 0.17, width * 0.27, 0.07), (back, 0, roof - 0.05), paint, ids)
    sill = Material((0.08, 0.08, 0.09))
    under = box((length * 0.94, width * 0.97, 0.16), (0, 0, 0.26), sill, ids)
    parts = [body, hood, cabin, top, under]
    return [*parts, *_wheels(length, width, ids), *_lights(length, width, 0.68, ids)]


def make_van(rng: np.random.Generator, number: int) -> list[Solid]:
    """A delivery van (class truck) that looks along +x."""
    ids, paint = tag("truck", number), _paint(rng)
    cargo = box((3.6, 2.0, 1.75), (-0.75, 0, 1.35), paint, ids)
    front = box((1.5, 1.95, 1.0), (1.75, 0, 0.95), paint, ids)
    screen = ball((1.1, 0.93, 0.85), (1.25, 0, 1.35), GLASS, ids)
    wheels, lights = _wheels(5.0, 1.95, ids), _lights(5.1, 1.95, 0.8, ids)
    return [cargo, front, screen, *wheels, *lights]


def _paint(rng: np.random.Generator) -> Material:
    if rng.random() < 0.6:  # most cars are black, grey, silver or white
        color = pick(rng, (0.0, 1.0), (0.0, 0.06), (0.08, 0.88))
    else:
        color = pick(rng, (0.0, 1.0), (0.5, 0.85), (0.25, 0.65))
    return Material(color, toned(color, 1.12), "rows", 0.31)


def make_person(rng: np.random.Generator, number: int) -> list[Solid]:
    """A person of 1.6 to 1.9 m who stands on z = 0."""
    ids = tag("person", number)
    tall = float(rng.uniform(1.6, 1.9)) / 1.75
    coat = Material(pick(rng, (0, 1), (0.2, 0.7), (0.2, 0.8)))
    trousers = Material(pick(rng, (0.5, 0.7), (0.1, 0.5), (0.12, 0.4)))
    skin = Material(pick(rng, (0.05, 0.08), (0.25, 0.55), (0.45, 0.9)))
    legs = [
        post(0.085, 0.85 * tall, (x, y, 0), trousers, ids)
        for x, y in ((0.12, 0.1), (-0.12, -0.1))
    ]
    body = ball((0.17, 0.25, 0.38 * tall), (0, 0, 1.12 * tall), coat, ids)
    head = ball((0.11, 0.1, 0.14), (0.02, 0, 1.6 * tall), skin, ids)
    return [*legs, body, head]
