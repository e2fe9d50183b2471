"""Small helpers to place solids: the street frame is x along, y left, z up, metres."""

from dataclasses import replace

import numpy as np

from vantage3d.io.kitti360_labels import IDS, INSTANCE_BASE
from vantage3d.synthetic.render.materials import Material
from vantage3d.synthetic.render.solids import Box, Cylinder, Ellipsoid, Floats, Solid

# Local z along the street's y: axles and lying cylinders.
SIDEWAYS = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
# Half a turn of 45 degrees about x: the upper edge of a box becomes a gable.
GABLE = np.array(
    [[1, 0, 0], [0, np.sqrt(0.5), -np.sqrt(0.5)], [0, np.sqrt(0.5), np.sqrt(0.5)]]
)


def tag(label: str, instance: int = 0) -> int:
    """Value of KITTI-360's instance images."""
    return IDS[label] * INSTANCE_BASE + instance


def turned(yaw: float) -> Floats:
    """(3, 3) rotation about z by ``yaw`` radians."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def box(
    size: tuple[float, float, float],
    at: tuple[float, float, float],
    material: Material,
    ids: int,
    rotation: Floats | None = None,
) -> Box:
    """A cuboid of full ``size``, its centre at ``at``."""
    turn = np.eye(3) if rotation is None else rotation
    return Box(np.array(size) / 2, np.array(at), material, turn, ids)


def post(
    radius: float, height: float, at: tuple[float, float, float], material: Material,
    ids: int,
) -> Cylinder:  # fmt: skip
    """An upright cylinder that stands on ``at``."""
    half = np.array([radius, radius, height / 2])
    center = np.array([at[0], at[1], at[2] + height / 2])
    return Cylinder(half, center, material, np.eye(3), ids)


def ball(
    half: tuple[float, float, float],
    at: tuple[float, float, float],
    material: Material,
    ids: int,
) -> Ellipsoid:
    """An ellipsoid with semi-axes ``half``, its centre at ``at``."""
    return Ellipsoid(np.array(half), np.array(at), material, np.eye(3), ids)


def placed(solids: list[Solid], at: Floats, yaw: float) -> list[Solid]:
    """Solids turned about z and moved to ``at``."""
    turn = turned(yaw)
    return [
        replace(s, center=turn @ s.center + at, rotation=turn @ s.rotation)
        for s in solids
    ]
