"""Where a street is built, its look and its randomness, and how solids are placed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import numpy as np

from vantage3d.io.kitti360_labels import IDS, INSTANCE_BASE
from vantage3d.synthetic.render.materials import Color, Material, Span
from vantage3d.synthetic.render.solids import Box, Cylinder, Ellipsoid, Floats

BEFORE, BEYOND = 40.0, 95.0  # street behind the start and after the end of a drive
ROAD, PARKING, PAVEMENT = 3.5, 5.7, 8.2  # half widths, metres
LANE = 1.75
KERB = 0.12
Triple = tuple[float, float, float]
UPRIGHT = np.eye(3)
# Local z along the street's y: axles and lying cylinders.
SIDEWAYS = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
# Half a turn of 45 degrees about x: the upper edge of a box becomes a gable.
GABLE = np.array(
    [[1, 0, 0], [0, np.sqrt(0.5), -np.sqrt(0.5)], [0, np.sqrt(0.5), np.sqrt(0.5)]]
)


@dataclass(frozen=True)
class Style:
    """One look of a street; two of them make a domain shift."""

    camera_height: float  # metres of the left camera above the road
    wall_hue: Span  # of the houses, as saturation and value
    wall_saturation: Span
    wall_value: Span
    brick: float  # share of brick houses
    roof_hue: Span
    floors: tuple[int, int]  # least and most floors of a house
    green: Span  # hue of leaves and grass
    asphalt: float  # brightness of the road
    sun_azimuth: float  # degrees to the left of the street's direction
    sun_elevation: float  # degrees above the horizon
    sun: Color  # direct light
    ambient: Color  # light in the shade
    zenith: Color  # the sky above
    horizon: Color  # the sky below, and haze
    haze: float  # metres after which 63 % of a colour is haze


STYLES = {
    # A suburb at noon through a camera on a car, as in KITTI-360.
    "suburb": Style(
        camera_height=1.55, brick=0.1, floors=(2, 3), asphalt=0.36, haze=420.0,
        wall_hue=(0.04, 0.16), wall_saturation=(0.05, 0.4), wall_value=(0.72, 0.95),
        roof_hue=(0.01, 0.06), green=(0.22, 0.33),
        sun_azimuth=50.0, sun_elevation=52.0, sun=(0.8, 0.76, 0.68),
        ambient=(0.42, 0.44, 0.49), zenith=(0.34, 0.55, 0.86),
        horizon=(0.83, 0.89, 0.95),
    ),
    # A brick quarter in the evening through a camera on a van's roof.
    "brick": Style(
        camera_height=2.35, brick=0.9, floors=(3, 5), asphalt=0.27, haze=230.0,
        wall_hue=(-0.03, 0.05), wall_saturation=(0.35, 0.65), wall_value=(0.38, 0.62),
        roof_hue=(0.55, 0.66), green=(0.13, 0.2),
        sun_azimuth=-62.0, sun_elevation=21.0, sun=(0.98, 0.7, 0.42),
        ambient=(0.5, 0.46, 0.54), zenith=(0.44, 0.47, 0.68),
        horizon=(0.98, 0.83, 0.66),
    ),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Site:
    """What all who build on a street share; x along it, y left, z up, metres."""

    style: Style
    rng: np.random.Generator  # the order of building decides what is drawn
    length: float  # metres of the drive
    number: Iterator[int] = field(default_factory=lambda: count(1))  # counts instances

    @property
    def start(self) -> float:
        """Where the street starts."""
        return -BEFORE

    @property
    def stop(self) -> float:
        """Where it ends."""
        return self.length + BEYOND

    def every(self, step: float) -> list[float]:
        """Positions about ``step`` metres apart."""
        places = np.arange(self.start + 3, self.stop - 10, step)
        return [float(x + self.rng.uniform(-0.3, 0.3) * step) for x in places]


def tag(label: str, instance: int = 0) -> int:
    """Value of KITTI-360's instance images."""
    return IDS[label] * INSTANCE_BASE + instance


def box(
    size: Triple, at: Triple, material: Material, ids: int, rotation: Floats = UPRIGHT
) -> Box:
    """A cuboid of full ``size``, its centre at ``at``."""
    return Box(np.array(size) / 2, np.array(at), material, rotation, ids)


def post(
    radius: float, height: float, at: Triple, material: Material, ids: int
) -> Cylinder:
    """An upright cylinder that stands on ``at``."""
    half = np.array([radius, radius, height / 2])
    center = np.array([at[0], at[1], at[2] + height / 2])
    return Cylinder(half, center, material, UPRIGHT, ids)


def ball(half: Triple, at: Triple, material: Material, ids: int) -> Ellipsoid:
    """An ellipsoid with semi-axes ``half``, its centre at ``at``."""
    return Ellipsoid(np.array(half), np.array(at), material, UPRIGHT, ids)
