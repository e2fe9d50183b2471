"""What a street stands on, and what closes it."""

from collections.abc import Iterator

import numpy as np

from vantage3d.synthetic.render.materials import Material
from vantage3d.synthetic.render.solids import Solid
from vantage3d.synthetic.streets.houses import make_house
from vantage3d.synthetic.streets.piece import box, placed, tag
from vantage3d.synthetic.streets.plants import leaves
from vantage3d.synthetic.streets.site import KERB, PARKING, PAVEMENT, ROAD, Site
from vantage3d.synthetic.streets.style import toned
from vantage3d.synthetic.streets.surfaces import Ground, Paving, Road


def make_ground(site: Site) -> Iterator[Solid]:
    """Road, parking strips, pavements and grass."""
    grey, seed = site.style.asphalt, int(site.rng.integers(1 << 30))
    dark, light = (0.9 * grey, 0.9 * grey, 0.95 * grey), (grey, grey, 1.03 * grey)
    long, middle = site.stop - site.start + 60, (site.stop + site.start) / 2
    road = Road(dark, light, "noise", 0.12, seed, ROAD)
    yield box((long, 2 * ROAD, 0.4), (middle, 0, -0.2), road, tag("road"))
    strip = Ground(toned(dark, 1.15), toned(light, 1.2), "noise", 0.1, seed + 1)
    stone = Paving((0.58, 0.56, 0.53), scale=0.6, seed=seed + 2)
    curb = Material((0.66, 0.65, 0.63), (0.58, 0.57, 0.55), "stripes", 1.0)
    grass = leaves(site.style, site.rng, 0.06)
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
