"""The points of a scene, one per voxel, with what frames say about each of them."""

from dataclasses import dataclass, fields, replace
from functools import lru_cache
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.process.progress import track
from vantage3d.process.spacing import evenly_spaced
from vantage3d.results.prediction import FramePrediction, ScenePrediction
from vantage3d.results.scene_instances import (
    SceneInstance,
    SceneInstances,
    TrackedInstances,
    no_poses,
    voxel_keys,
)

SAMPLED = 8  # frames from which the size of a voxel is taken
COARSER = 1.15  # voxels, from one number of points to the next
SPLATS = 100_000  # points that Gaussian splatting begins with
WINDOW = (5, 5)  # pixels that a normal is made of
JUMP, BEND = 0.03, 0.2  # of the inverse depth from pixel to pixel; of its differences


@dataclass(frozen=True, eq=False)
class Points:
    """Points that frames show.

    Attributes:
        points: (N, 3) in the world; in the camera of ``frames`` without poses.
        normals: (N, 3) of the surface, to the side that its camera saw.
        depth: (N,) z-depth in that frame.
        colors: (N, 3) uint8 RGB.
        confidence: (N,) of depth, in the network's unit; NaN where a frame has none.
        instances: (N,) numbers of instances of the scene, -1 where there is none.
        frames: (N,) place of the frame that a point is from.
        spacing: (N,) side of a pixel there, the distance to the next point.
    """

    points: NDArray[np.float64]
    normals: NDArray[np.float32]
    depth: NDArray[np.float32]
    colors: NDArray[np.uint8]
    confidence: NDArray[np.float32]
    instances: NDArray[np.int32]
    frames: NDArray[np.int32]
    spacing: NDArray[np.float32]

    def at(self, rows: NDArray[np.intp]) -> Self:
        """Some of the points; of a cloud all that is said of the scene stays."""
        return replace(self, **{name: getattr(self, name)[rows] for name in COLUMNS})

    def nearest(self, voxel_size: float) -> NDArray[np.intp]:
        """Of the points in each voxel the one that was nearest to its camera.

        Raises:
            ValueError: If the scene is too large for voxels of that size.
        """
        keys = voxel_keys(self.points, voxel_size)
        order = np.lexsort((self.depth, keys))
        first = np.ones(len(order), bool)
        first[1:] = keys[order[1:]] != keys[order[:-1]]
        return order[first]


COLUMNS = tuple(field.name for field in fields(Points))


@dataclass(frozen=True, eq=False)
class Cloud(Points):
    """Points of a scene.

    Attributes:
        table: The instances of the scene; ``instances`` are places in it.
        numbers: By the place of a frame: (M,) places in ``table`` of its instances, -1
            of those that are not shown.
        up: (3,) unit vector, the mean of what was upwards in the cameras.
        voxel_size: Side of the cubes that have one point each.
        posed: Whether frames stand in one world.
    """

    table: tuple[SceneInstance, ...]
    numbers: dict[int, NDArray[np.int32]]
    up: NDArray[np.float64]
    voxel_size: float
    posed: bool

    def thinned(self, voxel_size: float) -> "Cloud":
        """One point per larger voxel; of every frame where none has a pose."""
        if self.posed:
            rows = self.nearest(voxel_size)
        else:
            own = [np.flatnonzero(self.frames == n) for n in np.unique(self.frames)]
            rows = np.concatenate([r[self.at(r).nearest(voxel_size)] for r in own])
        return replace(self.at(rows), voxel_size=voxel_size)

    def fewer(self, most: int) -> "Cloud":
        """One point per larger voxel until there are ``most`` at the most."""
        cloud = self
        while len(cloud.points) > most:
            cloud = cloud.thinned(COARSER * cloud.voxel_size)
        return cloud


@lru_cache(maxsize=1)
def scene_cloud(scene: ScenePrediction) -> Cloud:
    """Gather the points of all frames, one frame in memory at a time.

    The last scene's cloud is kept, as most outputs begin with it.

    A voxel is as large as a pixel at the median depth. Of the points in one voxel that
    counts which its camera saw from nearest. Pixels that hang between a surface and the
    one behind it, as networks blur them, are left out.

    Raises:
        ValueError: If no frame has depth.
    """
    size, posed = voxel_size(scene), not no_poses(scene)
    instances = _matching(scene, size, posed)
    whole: list[Points] = []  # thinned together; those of single frames wait
    parts: list[Points] = []
    waiting, up = 0, np.zeros(3)
    for place, frame in enumerate(track(scene.frames, description="points")):
        if frame.depth is None:
            continue
        up -= frame.cam2scene[:3, 1]
        every = _of_frame(frame, place, instances)
        parts.append(every.at(every.nearest(size)))
        waiting += len(parts[-1].points)
        if posed and waiting > 2 * sum(len(part.points) for part in whole):
            joined = _joined([*whole, *parts])
            whole, parts, waiting = [joined.at(joined.nearest(size))], [], 0
    found = _joined([*whole, *parts])
    found = found.at(found.nearest(size)) if posed else found
    new, numbers = instances.joined()
    found = replace(found, instances=new[found.instances])
    up /= max(float(np.linalg.norm(up)), 1e-9)
    return Cloud(
        **vars(found),
        table=instances.table(),
        numbers=numbers,
        up=up,
        voxel_size=size,
        posed=posed,
    )


def _matching(
    scene: ScenePrediction, size: float, posed: bool
) -> SceneInstances | TrackedInstances:
    """Which instances of frames are one: known of a stream, found out otherwise."""
    first = scene.frames[0].instances
    if first is not None and first.tracks is not None:
        return TrackedInstances()
    return SceneInstances(4 * size, posed)


def voxel_size(scene: ScenePrediction) -> float:
    """Side of a pixel at the median depth of some frames.

    Raises:
        ValueError: If no frame has depth.
    """
    sides = []
    for place in evenly_spaced(len(scene.frames), SAMPLED):
        frame = scene.frames[place]
        if frame.depth is not None and (frame.depth > 0).any():
            depth = np.median(frame.depth[frame.depth > 0])
            sides.append(float(depth) / frame.K_depth[0, 0])
    if not sides:
        raise ValueError(
            f"scene {scene.name} has no frame with depth, and points are made of it. "
            "Take a recording with depth maps, or predict depth"
        )
    return float(np.median(sides))


def flying_pixels(depth: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(h, w) pixels between two surfaces: steps to both sides, and no plane.

    The inverse depth of a plane grows by equal steps from pixel to pixel, however
    slanted it is; over the edge of an object a blurred one does not.
    """
    with np.errstate(divide="ignore"):
        inverse = np.where(depth > 0, 1 / depth, np.nan)
    flying = np.zeros(depth.shape, bool)
    for q, out in ((inverse, flying), (inverse.T, flying.T)):
        before, after = np.diff(q, axis=0)[:-1], np.diff(q, axis=0)[1:]
        least, sum_ = np.minimum(abs(before), abs(after)), abs(before) + abs(after)
        bent = abs(before - after) > BEND * sum_
        out[1:-1] |= (before * after > 0) & (least > JUMP * q[1:-1]) & bent
    return flying


def surface_normals(
    depth: NDArray[np.floating], K: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(h, w, 3) unit normals in camera axes, towards the camera.

    On a plane q = 1 / z is linear in the pixel, so its slopes A, B in a window of 5x5
    pixels give the normal -(A fx, B fy, A (cx - u) + B (cy - v) + q).
    """
    known = (depth > 0).astype(np.float64)
    with np.errstate(divide="ignore"):
        inverse = np.where(depth > 0, 1 / depth.astype(np.float64), 0)
    weight = np.maximum(cv2.blur(known, WINDOW), 1e-6)
    q = cv2.blur(inverse, WINDOW) / weight
    B, A = np.gradient(q)
    height, width = depth.shape
    v, u = K[1, 2] - np.arange(height)[:, None], K[0, 2] - np.arange(width)
    normals = -np.stack([A * K[0, 0], B * K[1, 1], A * u + B * v + q], -1)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    return normals / np.maximum(length, 1e-12)


def _of_frame(
    frame: FramePrediction, place: int, instances: SceneInstances | TrackedInstances
) -> Points:
    """Every point of a frame, with its instance in the scene."""
    assert frame.depth is not None
    kept = (frame.depth > 0) & ~flying_pixels(frame.depth)
    points = frame.points()[kept]
    ids = np.full(len(points), -1, np.int32)
    if frame.instances is not None:
        ids = instances.found(frame.instances, kept, points, place)
    unsure = np.full(len(points), np.nan, np.float32)
    normals = surface_normals(frame.depth, frame.K_depth)[kept]
    normals = normals @ frame.cam2scene[:3, :3].T
    return Points(
        points,
        normals.astype(np.float32),
        frame.depth[kept].astype(np.float32),
        frame.colors()[kept],
        unsure if frame.confidence is None else frame.confidence[kept],
        ids,
        np.full(len(points), place, np.int32),
        (frame.depth[kept] / frame.K_depth[0, 0]).astype(np.float32),
    )


def _joined(parts: list[Points]) -> Points:
    columns = ([getattr(part, name) for part in parts] for name in COLUMNS)
    return Points(*map(np.concatenate, columns))
