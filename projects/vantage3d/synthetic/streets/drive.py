"""A car that drives along a street: its sensors, and where they are."""

from dataclasses import dataclass

import numpy as np

from vantage3d.geometry import invert_rigid, scale_intrinsics
from vantage3d.synthetic.render.solids import Floats
from vantage3d.synthetic.streets.site import LANE

FRAME_S = 0.1
SPEED = 8.0  # metres per second
RAW_SIZE = (1408, 376)
FOCAL, CENTER = 552.5, (681.9, 238.7)
BASELINE = 0.59
CAMERA_ABOVE_IMU = 0.65
# The street's z points up, the IMU's down (x forward, y right).
IMU_AXES = np.diag([1.0, -1.0, -1.0, 1.0])
CAMERA_AXES = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])  # camera to IMU


def euler(degrees: tuple[float, float, float]) -> Floats:
    """(3, 3) rotation Rz Ry Rx of angles about x, y and z."""
    (a, b, c), turn = np.deg2rad(degrees), np.eye(3)
    for first, second, angle in ((1, 2, a), (2, 0, b), (0, 1, c)):
        axis = np.eye(3)
        axis[first, first] = axis[second, second] = np.cos(angle)
        axis[first, second], axis[second, first] = -np.sin(angle), np.sin(angle)
        turn = axis @ turn
    return turn


def rigid(rotation: Floats, translation: tuple[float, float, float]) -> Floats:
    """(4, 4) transform."""
    transform = np.eye(4)
    transform[:3, :3], transform[:3, 3] = rotation, translation
    return transform


@dataclass(frozen=True)
class Rig:
    """Calibration of the sensors, of the kind KITTI-360 has: nothing is aligned.

    Attributes:
        R_rect: (3, 3) per camera: unrectified to rectified camera axes.
        cam_to_pose: (4, 4) per camera: unrectified camera to IMU.
        cam_to_velo: (4, 4) unrectified left camera to scanner.
    """

    R_rect: tuple[Floats, Floats]
    cam_to_pose: tuple[Floats, Floats]
    cam_to_velo: Floats

    def intrinsics(self, size: tuple[int, int]) -> Floats:
        """(3, 3) intrinsics of both rectified cameras at an image size."""
        K = np.array([[FOCAL, 0, CENTER[0]], [0, FOCAL, CENTER[1]], [0, 0, 1.0]])
        return scale_intrinsics(K, size[0] / RAW_SIZE[0], size[1] / RAW_SIZE[1])

    def cam2imu(self, camera: int) -> Floats:
        """(4, 4) rectified camera to IMU."""
        rectify = rigid(self.R_rect[camera], (0, 0, 0))
        return self.cam_to_pose[camera] @ invert_rigid(rectify)

    def velo2imu(self) -> Floats:
        """(4, 4) scanner to IMU."""
        return self.cam_to_pose[0] @ invert_rigid(self.cam_to_velo)


def make_rig() -> Rig:
    """The one rig of all synthetic drives."""
    left = euler((-0.2, 0.01, 0.42))
    right = euler((0.18, 0.98, -0.69))
    # Both rectified cameras look the same way, a baseline apart along their x axis.
    looks = CAMERA_AXES @ euler((-0.35, 0.6, 0.25))
    first = rigid(looks @ left, (1.58, 0.004, -CAMERA_ABOVE_IMU))
    second = rigid(looks @ right, (0, 0, 0))
    second[:3, 3] = first[:3, 3] + looks @ np.array([BASELINE, 0, 0])
    to_velo = np.array([[0.0, 0, 1], [-1, 0, 0], [0, -1, 0]]) @ euler((-5.1, 0.7, -2.4))
    return Rig((left, right), (first, second), rigid(to_velo, (0.8, 0.3, -0.18)))


@dataclass(frozen=True)
class Drive:
    """How the car goes along the street."""

    camera_height: float  # metres of the left camera above the road
    speed: float  # metres per second
    phase: float  # radians, so that two drives do not weave alike

    def imu2street(self, time_s: float) -> Floats:
        """(4, 4) pose of the IMU: weaving in the lane, pitching and rolling a bit."""
        x = self.speed * time_s
        weave = 2 * np.pi / 34
        y = -LANE + 0.35 * np.sin(weave * x + self.phase)
        yaw = np.arctan(0.35 * weave * np.cos(weave * x + self.phase))
        bob = np.sin(0.9 * x + self.phase)
        turn = euler((0.4 * np.cos(0.7 * x), 0.5 * bob, float(np.rad2deg(yaw))))
        height = self.camera_height - CAMERA_ABOVE_IMU + 0.02 * bob
        return rigid(turn, (x, float(y), float(height))) @ IMU_AXES


def street2world(seed: int) -> Floats:
    """(4, 4) to Mercator-like coordinates, kilometres from the origin."""
    rng = np.random.default_rng([seed, 11])
    turn = euler((0.3, -0.6, float(rng.uniform(-180, 180))))
    x, y, z = rng.uniform((800, 3300, 110), (1600, 4100, 120))
    return rigid(turn, (float(x), float(y), float(z)))
