"""The surface of a scene as one mesh, fused from depth (Curless and Levoy, 1996).

A voxel near a surface keeps the mean of its signed distances to it, in units of
``BAND``, as frames see them along their rays. Voxels lie in blocks, which exist where
frames saw a surface. The surface is where the mean is zero, by marching cubes.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from vantage3d.geometry import invert_rigid
from vantage3d.io.ply import rgb_columns, write_ply
from vantage3d.process.progress import track
from vantage3d.results.cloud import flying_pixels, scene_cloud
from vantage3d.results.prediction import FramePrediction, ScenePrediction
from vantage3d.results.scene_instances import check_posed, voxel_keys

SIDE = 32  # voxels of a block
BAND = 3.0  # voxels to both sides of a surface in which distances are kept
MOST_POINTS = 400_000  # one per voxel of surface, which bounds the blocks
# Difference within a cube of voxels, of 2 at most, from which there is no surface: what
# lies behind an object, beside what is free in front of the background.
STEEPEST = 1.6
SLANT = 0.05  # of depth, within which four pixels are one surface
Grid = NDArray[np.float32]
Corner = tuple[int, int, int]


class SceneMesh(NamedTuple):
    """Triangles of a surface.

    Attributes:
        vertices: (N, 3) in the world.
        colors: (N, 3) uint8 RGB.
        faces: (F, 3) rows of ``vertices``, counter-clockwise from the seen side.
    """

    vertices: NDArray[np.float64]
    colors: NDArray[np.uint8]
    faces: NDArray[np.int64]


def write(scene: ScenePrediction, folder: Path) -> list[Path]:
    """``mesh.ply``, with colours.

    Raises:
        ValueError: If frames have no poses or no depth.
    """
    mesh = scene_mesh(scene)
    write_ply(
        path := folder / "mesh.ply",
        mesh.vertices,
        rgb_columns(mesh.colors),
        mesh.faces,
    )
    return [path]


def scene_mesh(scene: ScenePrediction) -> SceneMesh:
    """Fuse the depth of all frames, one in memory at a time.

    Voxels are as large as those of the scene's cloud, or as its size allows.

    Raises:
        ValueError: If frames have no poses or no depth.
    """
    check_posed(scene)
    volume = Volume(scene_cloud(scene).fewer(MOST_POINTS).voxel_size)
    for frame in track(scene.frames, description="surface"):
        if frame.depth is not None:
            volume.add(frame)
    return volume.mesh()


@dataclass
class _Block:
    """Means over frames of the voxels of a block, and how many frames saw each."""

    distance: Grid = field(default_factory=lambda: np.ones(3 * (SIDE,), np.float32))
    weight: Grid = field(default_factory=lambda: np.zeros(3 * (SIDE,), np.float32))
    color: Grid = field(default_factory=lambda: np.zeros((*3 * (SIDE,), 3), np.float32))


class Volume:
    """Signed distances to a surface, in blocks of voxels.

    Args:
        voxel_size: Side of a voxel.
    """

    def __init__(self, voxel_size: float) -> None:
        self.voxel_size = voxel_size
        self.blocks: dict[Corner, _Block] = {}
        grid = np.indices(3 * (SIDE,)).reshape(3, -1).T
        self._inner = (grid * voxel_size).astype(np.float32)

    def add(self, frame: FramePrediction) -> None:
        """Take a frame's depth into the mean."""
        assert frame.depth is not None
        pose = frame.cam2scene
        seen = (frame.depth > 0) & ~flying_pixels(frame.depth)
        depth = np.where(seen, frame.depth, 0).astype(np.float32)
        inverse = np.divide(1, depth, out=np.zeros_like(depth), where=depth > 0)
        colors, world2cam = frame.colors().astype(np.float32), invert_rigid(pose)
        # Of a block its first voxel is projected, the steps from there are known.
        camera = frame.K_depth @ world2cam[:3]
        scale = np.float32(1 / (BAND * self.voxel_size))
        steps = self._inner @ camera[:, :3].T.astype(np.float32)
        for corner in self._near(frame.points()[seen], pose[:3, 3]):
            first = camera @ [*np.multiply(corner, SIDE * self.voxel_size), 1]
            u, v, z = (steps + first.astype(np.float32)).T
            np.maximum(z, 1e-6, out=z)  # behind the camera: far outside of the image
            x, y = u / z, v / z
            found = _sample(depth, inverse, x, y)
            distance = (found - z) * scale
            hit = np.flatnonzero((found > 0) & (distance > -1))
            column, row = (at[hit].round().astype(np.intp) for at in (x, y))
            block = self.blocks.setdefault(corner, _Block())
            _mix(block, hit, np.minimum(distance[hit], 1), colors[row, column])

    def mesh(self) -> SceneMesh:
        """The surface between voxels that frames saw."""
        vertices, colors, faces, count = [], [], [], 0
        for corner, block in self.blocks.items():
            distance, weight, color = self._with_neighbours(corner, block)
            known = _cubes(weight > 0, np.logical_and)
            low, high = (_cubes(distance, join) for join in (np.minimum, np.maximum))
            crossed = (low <= 0) & (high > 0) & (high - low < STEEPEST)
            if not (known & crossed).any():
                continue
            mask = np.zeros(distance.shape, bool)
            mask[1:, 1:, 1:] = known & crossed
            points, triangles, _, _ = marching_cubes(distance, 0.0, mask=mask)
            nearest = points.round().astype(np.intp)
            vertices.append((points + SIDE * np.array(corner)) * self.voxel_size)
            colors.append(color[tuple(nearest.T)])
            faces.append(triangles.astype(np.int64) + count)
            count += len(points)
        if not vertices:
            raise ValueError(
                "no surface was found in the depth of any frame: there is too little "
                "of it, or poses do not fit it"
            )
        return self._welded(*map(np.concatenate, (vertices, colors, faces)))

    def _near(self, points: NDArray[np.float64], eye: NDArray[np.float64]) -> list:
        """Blocks of surface points, and those as far as the band reaches along rays."""
        rays = points - eye
        rays /= np.maximum(np.linalg.norm(rays, axis=1, keepdims=True), 1e-9)
        reach, side = (BAND + 1) * self.voxel_size, SIDE * self.voxel_size
        ends = np.concatenate([points + s * reach * rays for s in (-1, 0, 1)])
        _, first = np.unique(voxel_keys(ends, side), return_index=True)
        return list(map(tuple, np.floor(ends[first] / side).astype(int).tolist()))

    def _with_neighbours(self, corner: Corner, block: _Block) -> tuple:
        """Arrays of a block and of one more voxel behind it in every direction."""
        large = 3 * (SIDE + 1,)
        distance, weight = np.ones(large, np.float32), np.zeros(large, np.float32)
        color = np.zeros((*large, 3), np.float32)
        for step in np.ndindex(2, 2, 2):
            other = self.blocks.get(tuple(np.add(corner, step).tolist()))
            to = tuple(slice(SIDE, None) if s else slice(SIDE) for s in step)
            of = tuple(slice(1) if s else slice(None) for s in step)
            if other is not None:
                distance[to], weight[to] = other.distance[of], other.weight[of]
                color[to] = other.color[of]
        return distance, weight, color

    def _welded(
        self, vertices: NDArray, colors: NDArray, faces: NDArray[np.int64]
    ) -> SceneMesh:
        """One vertex where blocks meet, no triangle without area."""
        keys = np.round(vertices / self.voxel_size * 1e3).astype(np.int64)
        _, first, row = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        faces = row.reshape(-1)[faces]
        a, b, c = faces.T
        faces = faces[(a != b) & (b != c) & (c != a)]
        shades = np.clip(colors[first].round(), 0, 255).astype(np.uint8)
        return SceneMesh(vertices[first], shades, faces)


def _sample(depth: Grid, inverse: Grid, x: Grid, y: Grid) -> Grid:
    """(N,) depth at pixels of a block, 0 outside of the image and where there is none.

    Between four pixels of one surface the inverse depth is interpolated, which is exact
    on planes; at an edge the nearest pixel counts.
    """
    height, width = depth.shape
    x = np.clip(x, -2, width + 1).reshape(-1, SIDE)  # OpenCV takes no longer rows
    y = np.clip(y, -2, height + 1).reshape(-1, SIDE)
    nearest = cv2.remap(depth, x, y, cv2.INTER_NEAREST).ravel()
    mixed = cv2.remap(inverse, x, y, cv2.INTER_LINEAR).ravel()
    one = abs(mixed * nearest - 1) < SLANT
    return np.where(one, 1 / np.where(one, mixed, 1), nearest)


def _mix(block: _Block, rows: NDArray, distance: NDArray, colors: NDArray) -> None:
    """Take a frame's values at some voxels into the means of a block."""
    weight = block.weight.reshape(-1)
    weight[rows] += 1
    share = 1 / weight[rows]
    means = block.distance.reshape(-1)
    means[rows] += (distance - means[rows]) * share
    shades = block.color.reshape(-1, 3)
    shades[rows] += (colors - shades[rows]) * share[:, None]


def _cubes(corners: NDArray, join: np.ufunc) -> NDArray:
    """Values of the eight corners of every cube, joined."""
    for axis in range(3):
        low, high = (np.delete(corners, end, axis) for end in (-1, 0))
        corners = join(low, high)
    return corners
