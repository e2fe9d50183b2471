"""Houses: facades with windows, gables or flat roofs, chimneys, dormers, balconies."""

import numpy as np

from vantage3d.synthetic.render.materials import Material
from vantage3d.synthetic.render.palette import pick, random_seed, toned
from vantage3d.synthetic.render.solids import Solid
from vantage3d.synthetic.streets.piece import GABLE, box, tag
from vantage3d.synthetic.streets.site import Style
from vantage3d.synthetic.streets.surfaces import Facade, Leaves

DEPTH = 9.0
FLOOR = 2.9


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
        solids += _gable(rng, roof, facade, width, height, middle, side, ids)
    else:
        slab = box((width + 0.4, DEPTH + 0.5, 0.35), (0, middle, height), roof, ids)
        solids.append(slab)
    if floors > 1 and rng.random() < 0.4:
        solids += _balconies(rng, facade, floors, width, side, ids)
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
    rng: np.random.Generator,
    roof: Material,
    facade: Facade,
    width: float,
    height: float,
    middle: float,
    side: float,
    ids: int,
) -> list[Solid]:
    """A roof of 45 degrees along the street, a chimney, sometimes a dormer."""
    edge = (DEPTH + 0.7) / np.sqrt(2)
    solids: list[Solid] = [
        box((width - 0.03, edge, edge), (0, middle, height - 0.25), roof, ids, GABLE)
    ]
    top = height + DEPTH / 2
    x = float(rng.uniform(-0.35, 0.35)) * width
    dark = Material((0.35, 0.2, 0.17), (0.25, 0.15, 0.12), "rows", 0.12)
    solids.append(box((0.7, 0.6, 2.0), (x, middle, top), dark, ids))
    if rng.random() < 0.5:
        wall = Facade(
            facade.color, facade.second, height=1.9, width=1.8, brick=facade.brick,
            trim=facade.trim, glass=facade.glass, base=facade.color, floor=1.9, bay=1.8,
        )  # fmt: skip
        y = middle - side * DEPTH * 0.26
        solids.append(box((1.8, 2.6, 1.9), (-x, y, height + 1.35), wall, ids))
        cover = box((2.1, 2.9, 0.14), (-x, y, height + 2.35), roof, ids)
        solids.append(cover)
    return solids


def _balconies(
    rng: np.random.Generator,
    facade: Facade,
    floors: int,
    width: float,
    side: float,
    ids: int,
) -> list[Solid]:
    """One balcony per upper floor, above each other."""
    slab = Material(toned(facade.trim, 0.8))
    rail = Material((0.25, 0.27, 0.3), (0.4, 0.42, 0.45), "stripes", 0.08)
    flowers = Leaves((0.2, 0.4, 0.15), (0.75, 0.2, 0.25), "noise", 0.08)
    x = float(rng.uniform(-0.25, 0.25)) * width
    solids: list[Solid] = []
    for number in range(1, floors):
        z = number * FLOOR + 0.05
        solids.append(box((2.6, 1.2, 0.15), (x, -side * 0.6, z), slab, ids))
        solids.append(box((2.6, 0.06, 0.85), (x, -side * 1.15, z + 0.5), rail, ids))
        if rng.random() < 0.5:
            y = -side * 1.25
            solids.append(box((2.2, 0.2, 0.3), (x, y, z + 0.85), flowers, ids))
    return solids
