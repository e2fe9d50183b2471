"""Trees, hedges, and what stands on a pavement: lamps, signs, bins, boxes."""

import numpy as np

from vantage3d.synthetic.render.materials import Material
from vantage3d.synthetic.render.solids import Solid
from vantage3d.synthetic.streets.piece import ball, box, post, tag
from vantage3d.synthetic.streets.style import Style, pick, toned
from vantage3d.synthetic.streets.surfaces import Color, Leaves, Plate

CLOUDED = Material((0.8, 0.8, 0.75))
STEEL = Material((0.42, 0.44, 0.45))
SIGNS: tuple[tuple[Color, Color], ...] = (
    ((0.85, 0.85, 0.85), (0.75, 0.08, 0.08)),
    ((0.1, 0.25, 0.65), (0.9, 0.9, 0.9)),
    ((0.92, 0.78, 0.1), (0.1, 0.1, 0.1)),
)


def leaves(style: Style, rng: np.random.Generator, scale: float) -> Leaves:
    """Foliage of the district, clumps of ``scale`` metres."""
    color = pick(rng, style.green, (0.4, 0.75), (0.3, 0.55))
    seed = int(rng.integers(1 << 30))
    return Leaves(toned(color, 0.5), toned(color, 1.25), "noise", scale, seed)


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
        at = (
            0.7 * radius * np.cos(turn),
            0.7 * radius * np.sin(turn),
            tall * float(rng.uniform(0.55, 0.85)),
        )
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
    ids, first = tag("traffic sign", number), SIGNS[int(rng.integers(len(SIGNS)))]
    face = Plate(first[0], first[1])
    at = (-0.05, 0.0, 2.35)
    return [
        post(0.035, 2.7, (0, 0, 0), STEEL, tag("smallpole")),
        box((0.03, 0.64, 0.64), at, face, ids),
    ]


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
