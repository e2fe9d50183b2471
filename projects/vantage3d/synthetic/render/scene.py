"""A scene of labelled solids, and its image through a camera."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid, unproject
from vantage3d.synthetic.render.classes import Category
from vantage3d.synthetic.render.raycast import cast
from vantage3d.synthetic.render.shading import Lamp, shade
from vantage3d.synthetic.render.solids import Floats, Solid

BACKGROUND = (140, 173, 217)
NOISE = 2.5


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

    @cached_property
    def boxes(self) -> Floats:
        """(S, 2, 3) lowest and highest corner of every solid."""
        return np.stack([[s.corners.min(0), s.corners.max(0)] for s in self.solids])

    def near(self, points: Floats, margin: float) -> list[int]:
        """Solids whose box, grown by ``margin`` metres, meets that of the points."""
        low, high = points.min(axis=0) - margin, points.max(axis=0) + margin
        meets = (self.boxes[:, 0] <= high) & (self.boxes[:, 1] >= low)
        return np.flatnonzero(meets.all(axis=1)).tolist()

    @cached_property
    def lamp(self) -> Lamp:
        """The light with its shadows."""
        return Lamp(self.solids, self.light)


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
    hit = hits.solid >= 0
    points = unproject(hits.depth, K, invert_rigid(world2cam))[hit]
    color = np.empty((*hit.shape, 3), np.uint8)
    color[~hit] = BACKGROUND
    lit = shade(scene.solids, scene.lamp, points, hits.solid[hit])
    color[hit] = np.round(lit * 255)
    return Frame(color, hits.depth.astype(np.float32), instance, raw_ids[instance])


def add_sensor_noise(color: NDArray[np.uint8], rng: np.random.Generator) -> NDArray:
    """A photograph of a rendered image: random exposure and pixel noise.

    Args:
        color: (H, W, 3) uint8 RGB.
        rng: Random source.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    exposure = np.float32(rng.uniform(0.9, 1.1))
    noise = rng.standard_normal(color.shape, np.float32) * np.float32(NOISE)
    return np.clip(color * exposure + noise + 0.5, 0, 255).astype(np.uint8)
