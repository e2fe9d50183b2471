"""A straight street: road, pavements, rows of houses, gardens, cars and people."""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from vantage3d.synthetic.render.solids import Solid
from vantage3d.synthetic.streets.ground import make_end, make_ground
from vantage3d.synthetic.streets.light import Sun
from vantage3d.synthetic.streets.roadside import Mover, make_kerbside, make_traffic
from vantage3d.synthetic.streets.sections import make_sections
from vantage3d.synthetic.streets.site import BEFORE, BEYOND, PAVEMENT, Site
from vantage3d.synthetic.streets.style import STYLES, Style


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
    return Street(look, length, tuple(solids), movers, int(rng.integers(1 << 30)))
