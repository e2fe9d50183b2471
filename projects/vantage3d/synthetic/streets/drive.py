"""A car that drives along a street: its sensors, their places, what they record."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid, pixel_grid, scale_intrinsics, unproject
from vantage3d.io.kitti360_labels import INSTANCE_BASE
from vantage3d.synthetic.render.raycast import cast
from vantage3d.synthetic.render.scene import surface_colours
from vantage3d.synthetic.render.solids import Floats, Solid
from vantage3d.synthetic.streets.layout import Street
from vantage3d.synthetic.streets.site import LANE, STYLES, tag
from vantage3d.synthetic.streets.surfaces import add_haze, sky

FRAME_S = 0.1
SPEED = 8.0  # metres per second
SWAY_LENGTH = 20.0  # metres from one turn to the left to the next
RAW_SIZE = (1408, 376)
FOCAL, CENTER = 552.5, (681.9, 238.7)
BASELINE = 0.59
CAMERA_ABOVE_IMU = 0.65
# The street's z points up, the IMU's down (x forward, y right).
IMU_AXES = np.diag([1.0, -1.0, -1.0, 1.0])
CAMERA_AXES = np.array([[0.0, 0, 1], [1, 0, 0], [0, 1, 0]])  # camera to IMU
# The scanner's beams, in degrees above the horizon: 32 upper lasers a third of a degree
# apart, 32 lower ones half a degree.
BEAMS = np.concatenate([2 - np.arange(32) / 3, -8.83 - np.arange(32) / 2])
SWEEP_S = 0.1
NEAR, REACH = 2.0, 100.0  # metres that it measures
Pose = Callable[[float], Floats]


def euler(degrees: tuple[float, float, float]) -> Floats:
    """(3, 3) rotation Rz Ry Rx of angles about x, y and z."""
    (cx, sx), (cy, sy), (cz, sz) = ((np.cos(a), np.sin(a)) for a in np.deg2rad(degrees))
    x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return z @ (y @ x)


def rigid(rotation: Floats, translation: tuple[float, float, float]) -> Floats:
    """(4, 4) transform."""
    transform = np.eye(4)
    transform[:3, :3], transform[:3, 3] = rotation, translation
    return transform


@dataclass(frozen=True)
class Rig:
    """Calibration of the sensors, of the kind KITTI-360 has: nothing is aligned."""

    R_rect: tuple[Floats, Floats]  # (3, 3) each: unrectified to rectified camera axes
    cam_to_pose: tuple[Floats, Floats]  # (4, 4) each: unrectified camera to IMU
    cam_to_velo: Floats  # (4, 4) unrectified left camera to scanner

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
    sway: float = 0.0  # degrees that the rig turns to both sides, as one on a mast
    sway_phase: float = 0.0  # radians

    def imu2street(self, time_s: float) -> Floats:
        """(4, 4) pose of the IMU: weaving in the lane, pitching and rolling a bit."""
        x = self.speed * time_s
        weave = 2 * np.pi / 34
        y = -LANE + 0.35 * np.sin(weave * x + self.phase)
        yaw = np.arctan(0.35 * weave * np.cos(weave * x + self.phase))
        bob = np.sin(0.9 * x + self.phase)
        look = self.sway * np.sin(2 * np.pi / SWAY_LENGTH * x + self.sway_phase)
        yaw = float(np.rad2deg(yaw) + look)
        turn = euler((0.4 * np.cos(0.7 * x), 0.5 * bob, yaw))
        height = self.camera_height - CAMERA_ABOVE_IMU + 0.02 * bob
        return rigid(turn, (x, float(y), float(height))) @ IMU_AXES


def make_drive(style: str, seed: int, sway: float = 0.0) -> Drive:
    """The drive of a seed through a district: ``style`` is a name in ``STYLES``."""
    begin = np.random.default_rng([seed, 14]).uniform(0, 2 * np.pi)
    return Drive(STYLES[style].camera_height, SPEED, float(seed % 7), sway, begin)


def street2world(seed: int) -> Floats:
    """(4, 4) to Mercator-like coordinates, kilometres from the origin."""
    rng = np.random.default_rng([seed, 11])
    turn = euler((0.3, -0.6, float(rng.uniform(-180, 180))))
    x, y, z = rng.uniform((800, 3300, 110), (1600, 4100, 120))
    return rigid(turn, (float(x), float(y), float(z)))


class StreetFrame(NamedTuple):
    """What a camera sees."""

    color: NDArray[np.uint8]  # (H, W, 3) RGB
    depth: NDArray[np.float64]  # (H, W) z-depth in metres, 0 = sky
    instance: NDArray[np.int32]  # (H, W) ``label * 1000 + instance``

    @property
    def semantic(self) -> NDArray[np.uint8]:
        """(H, W) KITTI-360 label ids."""
        return (self.instance // INSTANCE_BASE).astype(np.uint8)


def film(
    street: Street,
    K: Floats,
    cam2street: Floats,
    size: tuple[int, int],
    time_s: float = 0.0,
) -> StreetFrame:
    """Render one view.

    Args:
        street: What to render.
        K: (3, 3) intrinsics in pixels, without skew.
        cam2street: (4, 4), OpenCV axes.
        size: Image width and height in pixels.
        time_s: Seconds since the start, for what moves.
    """
    solids = street.at(time_s)
    hits = cast(solids, K, invert_rigid(cam2street), size)
    ids = np.array([tag("sky"), *(solid.instance for solid in solids)], np.int32)
    hit = hits.solid >= 0
    points = unproject(hits.depth, K, cam2street)[hit]
    albedo, normals = surface_colours(solids, points, hits.solid[hit])
    lit = albedo * street.sun.light(points.astype(np.float32), normals)
    color = np.empty((*hit.shape, 3), np.float32)
    color[hit] = add_haze(street.style, lit, hits.depth[hit])
    grid = pixel_grid(size[1], size[0], K)
    x, y = (grid[..., 0] - K[0, 2]) / K[0, 0], (grid[..., 1] - K[1, 2]) / K[1, 1]
    rays = np.stack([x, y, np.ones_like(x)], axis=-1) @ cam2street[:3, :3].T
    color[~hit] = sky(street.style, rays[~hit], street.seed)
    pixels = np.clip(color * 255 + 0.5, 0, 255).astype(np.uint8)
    return StreetFrame(pixels, hits.depth, ids[hits.solid + 1])


def scan(
    solids: Sequence[Solid], velo2street: Pose, time_s: float, columns: int = 2000
) -> NDArray[np.float32]:
    """One sweep around ``time_s``, exact, as the scanner stores it.

    Args:
        solids: The scene, frozen at ``time_s``.
        velo2street: (4, 4) pose of the scanner at a time; x forward, y left, z up.
            Every column is fired from where the scanner is at that moment, and its
            points are stored in the scanner's axes of that moment. A pose that does
            not depend on the time gives a sweep without ego-motion.
        time_s: When the scanner looks straight ahead.
        columns: Azimuth steps per turn.

    Returns:
        (N, 4) x, y, z in metres and a made-up reflectance.
    """
    # The scanner turns counter-clockwise, seen from above; radians to the left of
    # straight ahead, where it looks in the middle of a sweep.
    azimuth = ((np.arange(columns) + 0.5) / columns - 0.5) * 2 * np.pi
    times = time_s + SWEEP_S * azimuth / (2 * np.pi)
    poses = np.stack([velo2street(float(t)) for t in times])
    up = np.deg2rad(BEAMS)[:, None]
    x, y = np.cos(up) * np.cos(azimuth), np.cos(up) * np.sin(azimuth)
    local = np.stack([x, y, np.sin(up) + 0 * azimuth])
    rays = np.einsum("aij,jba->iba", poses[:, :3, :3], local)
    origins = poses[:, :3, 3].T
    distance = np.full(rays.shape[1:], np.inf)
    index = np.full(rays.shape[1:], -1)
    middle = poses[columns // 2]
    for number, where in _windows(solids, middle, origins, columns):
        solid = solids[number]
        local_rays = solid.rotation.T @ rays[:, :, where].reshape(3, -1)
        local_rays = local_rays.reshape(3, len(BEAMS), -1)
        start = solid.rotation.T @ (origins[:, where] - solid.center[:, None])
        enter, leave = solid.interval(start, tuple(local_rays))
        closer = (enter <= leave) & (enter > NEAR) & (enter < distance[:, where])
        distance[:, where] = np.where(closer, enter, distance[:, where])
        index[:, where] = np.where(closer, number, index[:, where])
    hit = distance < REACH
    points = (local * np.where(hit, distance, 0)).transpose(2, 1, 0)[hit.T]
    shine = 0.2 + 0.6 * ((index * 0.618) % 1)
    return np.column_stack([points, shine.T[hit.T]]).astype(np.float32)


def _windows(
    solids: Sequence[Solid], velo2street: Floats, origins: Floats, columns: int
) -> Iterator[tuple[int, slice | NDArray[np.intp]]]:
    """Solids in reach, each with the columns that may see it."""
    eye, turn = velo2street[:3, 3], velo2street[:3, :3]
    moved = float(np.abs(origins - eye[:, None]).max()) * 2
    corners = np.stack([solid.corners for solid in solids]) - eye
    low, high = corners.min(axis=1), corners.max(axis=1)
    gap = np.maximum(np.maximum(low, -high), 0)[:, :2]
    nearest = np.hypot(*gap.T)
    ahead = corners @ turn
    azimuth = np.arctan2(ahead[..., 1], ahead[..., 0])
    # The space above all beams is a convex cone: what has its corners in it is unseen.
    steepest = np.tan(np.deg2rad(BEAMS.max()))
    away = np.hypot(ahead[..., 0], ahead[..., 1]) + moved
    unseen = (ahead[..., 2] - moved > steepest * away).all(axis=1)
    for number in np.flatnonzero((nearest < REACH) & ~unseen):
        where: slice | NDArray[np.intp] = slice(None)
        middle = ahead[number, :, :2].mean(axis=0)
        center = np.arctan2(middle[1], middle[0])
        off = (azimuth[number] - center + np.pi) % (2 * np.pi) - np.pi
        if nearest[number] >= moved + 0.5 and np.ptp(off) <= np.pi:
            margin = np.arcsin(moved / nearest[number]) + 4 * np.pi / columns
            step = 2 * np.pi / columns
            first = int(np.floor((center + off.min() - margin + np.pi) / step))
            last = int(np.ceil((center + off.max() + margin + np.pi) / step))
            if first >= 0 and last <= columns:
                where = slice(first, last)
            elif last - first < columns:
                where = np.arange(first, last) % columns
        yield int(number), where
