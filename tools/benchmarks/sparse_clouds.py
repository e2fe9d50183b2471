"""Voxels to measure on: a real office where its recording is present, else made up."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from vantage3d.sparse import floor_coordinates, voxelize

VOXEL_SIZE = 0.02
FRAME_POINTS = 20_000
SCAN_VOXELS = 120_000
RECORDING = "sevenscenes_tsdf"


@dataclass(frozen=True)
class Cloud:
    """Voxels in an order unlike any engine's.

    Attributes:
        name: What it shows.
        coordinates: (N, 4) int32 [batch, x, y, z].
        features: (N, 3) colours in -1..1.
    """

    name: str
    coordinates: Tensor
    features: Tensor


def make_clouds(data_root: Path, seed: int) -> tuple[str, list[Cloud]]:
    """Where the geometry is from; one frame of 20 000 points, and 120 000 voxels."""
    rng = np.random.default_rng(seed)
    folder = data_root / RECORDING
    if folder.is_dir():
        source = f"depth frames of {folder.name}, back-projected"
        frames = _recorded_frames(folder)
    else:
        source = f"made-up rooms ({folder} is absent)"
        frames = _made_up_frames(rng)
    first = frames[0]
    chosen = rng.choice(len(first), min(FRAME_POINTS, len(first)), replace=False)
    frame = _voxels("one frame", first[chosen], len(chosen), rng)
    scan = _voxels("whole scan", np.concatenate(frames), SCAN_VOXELS, rng)
    return source, [frame, scan]


def _voxels(
    name: str, points: np.ndarray, most: int, rng: np.random.Generator
) -> Cloud:
    xyz, rgb = torch.from_numpy(points).float().split(3, dim=1)
    voxels, _ = voxelize(floor_coordinates([xyz.contiguous()], VOXEL_SIZE), rgb)
    count = min(most, len(voxels.coordinates))  # the first rows are a connected region
    order = torch.from_numpy(rng.permutation(count))
    return Cloud(name, voxels.coordinates[order], voxels.features[order])


def _recorded_frames(folder: Path) -> list[np.ndarray]:
    """Per frame (N, 6) world points in metres and colours in -1..1."""
    K = np.loadtxt(folder / "camera-intrinsics.txt")
    frames = []
    for path in sorted(folder.glob("frame-*.depth.png")):
        stem = path.name.removesuffix(".depth.png")
        cam2world = np.loadtxt(folder / f"{stem}.pose.txt")
        depth = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        bgr = cv2.imread(str(folder / f"{stem}.color.jpg"))
        v, u = np.nonzero((depth > 0) & (depth < 65535))
        z = depth[v, u] / 1000.0
        rays = np.linalg.inv(K) @ np.stack([u, v, np.ones_like(u)]) * z
        points = cam2world[:3, :3] @ rays + cam2world[:3, 3:]
        frames.append(np.hstack([points.T, bgr[v, u, ::-1] / 127.5 - 1]))
    return frames


def _made_up_frames(rng: np.random.Generator) -> list[np.ndarray]:
    """A 5 x 4 x 2.6 m room with boxes, surfaces seen with 5 mm noise, in 12 parts."""
    boxes = [((0.0, 0.0, 0.0), (5.0, 4.0, 2.6))]
    for _ in range(12):
        low = rng.uniform((0.1, 0.1, 0.0), (4.0, 3.0, 0.3))
        boxes.append((tuple(low), tuple(low + rng.uniform(0.3, 0.9, 3))))
    frames = []
    for _ in range(12):
        points = np.concatenate([_surface(rng, *box) for box in boxes])
        frames.append(np.hstack([points, rng.uniform(-1, 1, points.shape)]))
    return frames


def _surface(
    rng: np.random.Generator, low: tuple[float, ...], high: tuple[float, ...]
) -> np.ndarray:
    """(N, 3) noisy points on the six faces of a box, 2500 per square metre."""
    size = np.subtract(high, low)
    faces = []
    for axis in range(3):
        area = size.prod() / size[axis]
        for end in (0.0, 1.0):
            unit = rng.random((int(2500 * area), 3))
            unit[:, axis] = end
            faces.append(low + unit * size + rng.normal(0, 0.005, unit.shape))
    return np.concatenate(faces)
