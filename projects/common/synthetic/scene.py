"""A scene of labelled solids, and its image through a camera."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from projects.common.geometry import invert_rigid, unproject
from projects.common.synthetic.classes import Category
from projects.common.synthetic.raycast import Hits, cast
from projects.common.synthetic.solids import Floats, Solid

AMBIENT = 0.42
BACKGROUND = (0.55, 0.68, 0.85)


@dataclass(frozen=True, eq=False)
class Scene:
    """Solids, what they are, and a light. World frame: z up, metres.

    Attributes:
        solids: All pieces; ``instance`` of each indexes ``categories`` from 1.
        categories: Category of instance 1, 2, ...
        light: (3,) position of the point light.
    """

    solids: tuple[Solid, ...]
    categories: tuple[Category, ...]
    light: Floats


class Frame(NamedTuple):
    """One rendered view.

    Attributes:
        color: (H, W, 3) uint8 RGB.
        depth: (H, W) float32 z-depth in metres, 0 = nothing hit.
        instance: (H, W) int32, 0 = none, else 1..
        semantic: (H, W) int32 ScanNet200 raw id, 0 = none.
    """

    color: NDArray[np.uint8]
    depth: NDArray[np.float32]
    instance: NDArray[np.int32]
    semantic: NDArray[np.int32]


def render(scene: Scene, K: Floats, world2cam: Floats, size: tuple[int, int]) -> Frame:
    """Exact depth, ids and shaded colour of one view.

    Args:
        scene: What to render.
        K: (3, 3) intrinsics in pixels, without skew.
        world2cam: (4, 4), OpenCV axes, world as in ``scene``.
        size: Image width and height in pixels.

    Raises:
        ValueError: If ``K`` or ``world2cam`` have a wrong shape.
    """
    hits = cast(scene.solids, K, world2cam, size)
    instances = np.array([0, *(solid.instance for solid in scene.solids)], np.int32)
    instance = instances[hits.solid + 1]
    raw_ids = np.array([0, *(c.raw_id for c in scene.categories)], np.int32)
    color = _shade(scene, hits, unproject(hits.depth, K, invert_rigid(world2cam)))
    color8 = np.round(np.clip(color, 0, 1) * 255).astype(np.uint8)
    return Frame(color8, hits.depth.astype(np.float32), instance, raw_ids[instance])


def _shade(scene: Scene, hits: Hits, points: Floats) -> Floats:
    """(H, W, 3) colours in 0..1: pattern times ambient plus Lambert light."""
    color = np.empty((*hits.depth.shape, 3))
    color[hits.solid < 0] = BACKGROUND
    order = np.argsort(hits.solid, axis=None, kind="stable")
    numbers, starts = np.unique(hits.solid.ravel()[order], return_index=True)
    flat, flat_points = color.reshape(-1, 3), points.reshape(-1, 3)
    for number, pixels in zip(numbers, np.split(order, starts[1:])):
        if number >= 0:
            flat[pixels] = surface_color(
                scene.solids[number], flat_points[pixels], scene.light
            )
    return color


def surface_color(solid: Solid, points: Floats, light: Floats) -> Floats:
    """(N, 3) lit colours in 0..1 of (N, 3) world points on a solid."""
    normals, uv = solid.surface(solid.to_local(points))
    to_light = light - points
    to_light /= np.linalg.norm(to_light, axis=1, keepdims=True)
    facing = np.maximum(((normals @ solid.rotation.T) * to_light).sum(axis=1), 0)
    lit = AMBIENT + (1 - AMBIENT) * facing
    return np.clip(solid.material.shade(uv) * lit[:, None], 0, 1)
