"""Small helpers to place solids: the street frame is x along, y left, z up, metres."""

import numpy as np

from vantage3d.io.kitti360_labels import IDS, INSTANCE_BASE
from vantage3d.synthetic.render.materials import Material
from vantage3d.synthetic.render.solids import Box, Cylinder, Ellipsoid, Floats

Triple = tuple[float, float, float]
UPRIGHT = np.eye(3)
# Local z along the street's y: axles and lying cylinders.
SIDEWAYS = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
# Half a turn of 45 degrees about x: the upper edge of a box becomes a gable.
GABLE = np.array(
    [[1, 0, 0], [0, np.sqrt(0.5), -np.sqrt(0.5)], [0, np.sqrt(0.5), np.sqrt(0.5)]]
)


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
