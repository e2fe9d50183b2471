"""What a car records of a street: views with exact depth and ids, LiDAR sweeps."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid, pixel_grid, unproject
from vantage3d.io.kitti360_labels import INSTANCE_BASE
from vantage3d.synthetic.render.raycast import cast
from vantage3d.synthetic.render.scene import surface_colours
from vantage3d.synthetic.render.solids import Floats, Solid
from vantage3d.synthetic.streets.layout import Street
from vantage3d.synthetic.streets.site import tag
from vantage3d.synthetic.streets.surfaces import add_haze, sky


class StreetFrame(NamedTuple):
    """What a camera sees.

    Attributes:
        color: (H, W, 3) uint8 RGB.
        depth: (H, W) float64 z-depth in metres, 0 = sky.
        instance: (H, W) int32 ``label * 1000 + instance``.
    """

    color: NDArray[np.uint8]
    depth: NDArray[np.float64]
    instance: NDArray[np.int32]

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


# Degrees above the horizon: 32 upper lasers a third of a degree apart, 32 lower ones
# half a degree.
BEAMS = np.concatenate([2 - np.arange(32) / 3, -8.83 - np.arange(32) / 2])
SWEEP_S = 0.1
REACH = 100.0  # metres
NEAR = 2.0

Pose = Callable[[float], Floats]


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
