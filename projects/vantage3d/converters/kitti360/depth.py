"""Depth of one KITTI-360 image from the scanner's sweeps around it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter
from scipy.spatial.transform import Rotation

from vantage3d.converters.kitti360.raw import Calibration, Kitti360Layout, Matrix
from vantage3d.geometry import invert_rigid
from vantage3d.geometry.rasters import z_buffer
from vantage3d.io.files import existing
from vantage3d.io.images import read_ids
from vantage3d.io.kitti360_labels import DYNAMIC, IDS
from vantage3d.views.transform import visible

KEPT_SWEEPS = 24
NEAREST = 2.5  # metres; nearer returns are the car itself


@dataclass(frozen=True)
class CleanUp:
    """When a point lies behind a surface that the scanner only sampled.

    A measurement goes if another one in a small window is nearer by more than
    ``tolerance``, and by more than a plane through the camera's height would explain:
    a road, or a facade along the street, gets nearer by about 1 / d per pixel at d
    pixels from the principal point.

    Attributes:
        rows: Pixels above and below, at 376 rows; scaled with the image.
        columns: Pixels to each side, at 376 rows; scaled with the image.
        tolerance: Share of the nearer depth.
        steepest: Largest share that a slanted surface may explain.
    """

    rows: int = 3
    columns: int = 4
    tolerance: float = 0.05
    steepest: float = 0.2

    def __call__(self, depth: NDArray[np.float32], K: NDArray) -> NDArray[np.float32]:
        """(H, W) depth without what shines through; 0 = missing.

        Args:
            depth: (H, W) metres, 0 = missing.
            K: (3, 3) intrinsics in pixels of ``depth``.
        """
        height, width = depth.shape
        rows = max(1, round(self.rows * height / 376))
        columns = max(1, round(self.columns * height / 376))
        known = np.where(depth > 0, depth, np.inf).astype(np.float32)
        nearest = minimum_filter(known, size=(2 * rows + 1, 2 * columns + 1))
        # Half a pixel more, because measurements are rounded to pixels.
        below, beside = np.arange(height) - K[1, 2], np.arange(width) - K[0, 2]
        down = (rows + 0.5) / np.maximum(np.abs(below), 1.0)[:, None]
        side = (columns + 0.5) / np.maximum(np.abs(beside), 1.0)
        slant = np.minimum(np.maximum(down, side), self.steepest)
        limit = nearest * (1 + np.maximum(slant, self.tolerance))
        return np.where(known <= limit, depth, 0).astype(np.float32)


@dataclass(frozen=True)
class DepthOptions:
    """How sweeps become a depth map.

    Attributes:
        accumulate: Sweeps before and after the image's own, in frames (time).
        depth_range: Least and most metres.
        clean_up: What removes points behind surfaces; None for nothing.
        motion: Undo the motion of the car during each sweep.
        drop_dynamic: Take what moves from the image's own sweep only.
    """

    accumulate: int = 4
    depth_range: tuple[float, float] = (0.1, 80.0)
    clean_up: CleanUp | None = field(default_factory=CleanUp)
    motion: bool = True
    drop_dynamic: bool = True

    def __post_init__(self) -> None:
        near, far = self.depth_range
        if self.accumulate < 0 or not 0 < near < far:
            raise ValueError(
                "`accumulate` must not be negative and `depth_range` must rise from "
                f"above 0, got {self.accumulate} and {self.depth_range}."
            )


class DepthMaker:
    """Depth maps of one sequence; neighbouring frames share the sweeps in memory."""

    def __init__(
        self,
        layout: Kitti360Layout,
        sequence: str,
        calibration: Calibration,
        imu2world: Mapping[int, NDArray[np.float64]],
        options: DepthOptions,
    ) -> None:
        """Nothing is read yet; ``imu2world`` holds the frames that have a pose."""
        self.layout, self.sequence, self.options = layout, sequence, options
        camera = layout.camera
        self.K, self.size = calibration.K[camera], calibration.size[camera]
        # In float64 around the drive, so that nothing depends on the Mercator origin.
        origin = next(iter(imu2world.values()))[:3, 3]
        self.world2cam, self.velo2world = {}, {}
        for frame, pose in imu2world.items():
            near = pose.copy()
            near[:3, 3] -= origin
            self.world2cam[frame] = invert_rigid(near @ calibration.cam2imu[camera])
            self.velo2world[frame] = near @ calibration.velo2imu
        self._sweep = lru_cache(KEPT_SWEEPS)(self._read_sweep)
        self.labels = lru_cache(KEPT_SWEEPS)(self._read_labels)

    def __call__(self, frame: int) -> NDArray[np.float32]:
        """(H, W) z-depth in metres, 0 = missing.

        Raises:
            FileNotFoundError: If the frame's own sweep is missing.
            ValueError: If a sweep is truncated or labels have another size.
        """
        labels, reach = self.labels(frame), self.options.accumulate
        layout, depths, pixels = self.layout, [], []
        for other in range(frame - reach, frame + reach + 1):
            path, known = layout.sweep(self.sequence, other), other in self.velo2world
            if other != frame and not (known and path.is_file()):
                continue
            points, dynamic = self._sweep(other)
            where, depth, pixel = visible(
                points, self.K, self.world2cam[frame], self.size,
                self.options.depth_range,
            )  # fmt: skip
            keep = np.ones(len(where), bool)
            if labels is not None:
                seen = labels.ravel()[pixel]
                keep = seen != IDS["sky"]
                if other != frame and self.options.drop_dynamic:
                    keep &= ~dynamic[where] & ~np.isin(seen, DYNAMIC)
            depths.append(depth[keep])
            pixels.append(pixel[keep])
        found = z_buffer(np.concatenate(depths), np.concatenate(pixels), self.size)
        clean = self.options.clean_up
        return found if clean is None else clean(found, self.K)

    def _read_sweep(self, frame: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """(N, 3) world points, and (N,) whether their own image shows what moves."""
        sweep = read_sweep(self.layout.sweep(self.sequence, frame))
        points, here = sweep[:, :3].astype(np.float64), self.velo2world[frame]
        points = points[np.einsum("nc,nc->n", points, points) > NEAREST**2]
        if self.options.motion:
            poses = (self.velo2world.get(other) for other in (frame - 1, frame + 1))
            neighbours = (p if p is None else invert_rigid(here) @ p for p in poses)
            points = compensate(points, *neighbours)
        points = points @ here[:3, :3].T + here[:3, 3]
        dynamic = np.zeros(len(points), bool)
        labels = self.labels(frame)
        if labels is not None:
            where, _, pixel = visible(
                points, self.K, self.world2cam[frame], self.size, (0.1, 200.0)
            )
            dynamic[where] = np.isin(labels.ravel()[pixel], DYNAMIC)
        return points, dynamic

    def _read_labels(self, frame: int) -> NDArray[np.int64] | None:
        """(H, W) label ids, None where there is no label image."""
        path = self.layout.semantic(self.sequence, frame)
        if not path.is_file():
            return None
        labels = read_ids(path)
        if labels.shape != self.size[::-1]:
            height, width = labels.shape
            raise ValueError(
                f"{path} has {width}x{height} pixels, expected "
                f"{self.size[0]}x{self.size[1]} as the image (S_rect). Download it "
                "again."
            )
        return labels


def read_sweep(path: str | Path) -> NDArray[np.float32]:
    """(N, 4) x, y, z in metres and reflectance.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it is truncated.
    """
    data = existing(path, "sweep", "Download it again.").read_bytes()
    if not data or len(data) % 16:
        raise ValueError(
            f"sweep {path} has {len(data)} bytes, expected a multiple of 16 above 0. "
            "Download it again."
        )
    points = np.frombuffer(data, "<f4").reshape(-1, 4)
    return points[np.isfinite(points).all(axis=1)]


def compensate(
    points: Matrix, previous: Matrix | None, following: Matrix | None
) -> Matrix:
    """Points as if all were measured when the scanner looked straight ahead.

    The scanner turns counter-clockwise and looks ahead in the middle of its sweep, so a
    point at azimuth a was measured a / 2 pi of a sweep away from then. The motion is
    taken as constant from the middle to the next frame, and from the last frame to it.

    Args:
        points: (N, 3) in the scanner's axes of the moment each was measured.
        previous: (4, 4) pose of the scanner one sweep earlier, in its axes at the
            middle of this one; None to continue the motion that follows.
        following: (4, 4) the same one sweep later; None to continue ``previous``.

    Returns:
        (N, 3) in the scanner's axes at the middle of the sweep.
    """
    if previous is None and following is None:
        return points
    after = following if following is not None else invert_rigid(previous)
    before = previous if previous is not None else invert_rigid(following)
    share = np.arctan2(points[:, 1], points[:, 0]) / (2 * np.pi)
    moved = np.empty_like(points)
    for chosen, motion in ((share >= 0, after), (share < 0, before)):
        part, along = points[chosen], np.abs(share[chosen])[:, None]
        # To second order: at 3 degrees per sweep and 80 m the rest is below 1 mm.
        turn = Rotation.from_matrix(motion[:3, :3]).as_rotvec() * along
        first = np.cross(turn, part)
        second = np.cross(turn, first)
        moved[chosen] = part + first + 0.5 * second + along * motion[:3, 3]
    return moved
