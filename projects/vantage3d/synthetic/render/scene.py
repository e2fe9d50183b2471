"""A scene of labelled solids, its light, and its image through a camera."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid, project, unproject
from vantage3d.synthetic.render.raycast import cast
from vantage3d.synthetic.render.solids import Floats, Solid

BACKGROUND = (140, 173, 217)
NOISE = 2.5
AMBIENT = 0.45
SHADOW = 0.7
OFFSET = 0.05


class Category(NamedTuple):
    """One row of the ScanNet label table."""

    name: str  # ``raw_category``
    raw_id: int  # ``id``, the ScanNet200 label value
    nyu40_id: int  # ``nyu40id``
    nyu40_name: str  # ``nyu40class``


_TABLE = (
    ("wall", 1, 1, "wall"),
    ("chair", 2, 5, "chair"),
    ("floor", 3, 2, "floor"),
    ("table", 4, 7, "table"),
    ("door", 5, 8, "door"),
    ("couch", 6, 6, "sofa"),
    ("cabinet", 7, 3, "cabinet"),
    ("shelf", 8, 15, "shelves"),
    ("desk", 9, 14, "desk"),
    ("office chair", 10, 5, "chair"),
    ("bed", 11, 4, "bed"),
    ("pillow", 13, 18, "pillow"),
    ("picture", 15, 11, "picture"),
    ("window", 16, 9, "window"),
    ("bookshelf", 18, 10, "bookshelf"),
    ("monitor", 19, 40, "otherprop"),
    ("curtain", 21, 16, "curtain"),
    ("book", 22, 23, "books"),
    ("armchair", 23, 5, "chair"),
    ("coffee table", 24, 7, "table"),
    ("box", 26, 29, "box"),
    ("refrigerator", 27, 24, "refrigerator"),
    ("lamp", 28, 35, "lamp"),
    ("tv", 33, 25, "television"),
    ("nightstand", 34, 32, "night stand"),
    ("dresser", 36, 17, "dresser"),
    ("stool", 38, 40, "otherprop"),
    ("plant", 40, 40, "otherprop"),
    ("ceiling", 41, 22, "ceiling"),
    ("tv stand", 51, 39, "otherfurniture"),
    ("whiteboard", 52, 30, "whiteboard"),
    ("trash can", 56, 39, "otherfurniture"),
    ("microwave", 59, 40, "otherprop"),
    ("bottle", 65, 40, "otherprop"),
    ("ottoman", 67, 39, "otherfurniture"),
    ("bench", 68, 39, "otherfurniture"),
    ("laptop", 77, 40, "otherprop"),
    ("suitcase", 93, 40, "otherprop"),
    ("radiator", 96, 39, "otherfurniture"),
    ("bowl", 562, 40, "otherprop"),
)
CATEGORIES = {row[0]: Category(*row) for row in _TABLE}


class ShadowMap:
    """What a pinhole at the light sees, looked up softly between its pixels."""

    def __init__(
        self,
        solids: Sequence[Solid],
        K: Floats,
        world2light: Floats,
        size: tuple[int, int],
    ) -> None:
        """Render the map of ``size`` (W, H) pixels."""
        self.K, self.world2light = K, world2light
        self.limit = np.array(size) - 1
        hits = cast(solids, K, world2light, size)
        self.depth = np.where(hits.solid < 0, np.inf, hits.depth).astype(np.float32)

    def shadow(self, points: Floats) -> Floats:
        """(N,) share of the four nearest map pixels that lie before each point."""
        pixels, depth = project(points, self.K, self.world2light)
        corner = np.floor(pixels)
        fraction = pixels - corner
        inside = (depth > 0) & (corner >= 0).all(1) & (corner < self.limit).all(1)
        column, row = np.where(inside[:, None], corner, 0).astype(np.intp).T
        before = [
            self.depth[row + y, column + x] < depth for y in (0, 1) for x in (0, 1)
        ]
        right, down = fraction.T
        upper = before[0] * (1 - right) + before[1] * right
        lower = before[2] * (1 - right) + before[3] * right
        return np.where(inside, upper * (1 - down) + lower * down, 0.0)


class Lamp:
    """A point light with a shadow map that looks straight down.

    The map sees everything within 76 degrees of the vertical; points above that
    cone are never in shadow.
    """

    SIZE = 512
    FOCAL = 64.0

    def __init__(self, solids: Sequence[Solid], position: Floats) -> None:
        """Render the shadow map of ``solids`` for a light at ``position`` (3,)."""
        self.position = position.astype(np.float32)
        center = (self.SIZE - 1) / 2
        K = np.diag([self.FOCAL, self.FOCAL, 1.0]).astype(np.float32)
        K[:2, 2] = center
        world2lamp = np.diag([1.0, -1.0, -1.0, 1.0]).astype(np.float32)
        world2lamp[:3, 3] = -world2lamp[:3, :3] @ position
        self.map = ShadowMap(solids, K, world2lamp, (self.SIZE, self.SIZE))

    def brightness(self, points: Floats, normals: Floats) -> Floats:
        """(N,) light between ``AMBIENT`` and 1 at (N, 3) points with (N, 3) normals."""
        toward = self.position - points
        toward /= np.sqrt(np.einsum("nc,nc->n", toward, toward))[:, None]
        facing = np.maximum(np.einsum("nc,nc->n", normals, toward), 0)
        # Looking up a little off the surface keeps it from shading itself.
        shadow = self.map.shadow(points + OFFSET * normals)
        return AMBIENT + (1 - AMBIENT) * facing * (1 - SHADOW * shadow)


def shade(
    solids: Sequence[Solid], lamp: Lamp, points: Floats, solid: NDArray[np.integer]
) -> Floats:
    """Lit colours of surface points.

    Args:
        solids: The scene.
        lamp: Its light.
        points: (N, 3) world points.
        solid: (N,) index of the solid that each point lies on.

    Returns:
        (N, 3) RGB in 0..1.
    """
    albedo, normals = surface_colours(solids, points, solid)
    return np.clip(
        albedo * lamp.brightness(points.astype(np.float32), normals)[:, None], 0, 1
    )


def surface_colours(
    solids: Sequence[Solid], points: Floats, solid: NDArray[np.integer]
) -> tuple[Floats, Floats]:
    """Unlit colours and normals of surface points; arguments as :func:`shade`.

    Returns:
        (N, 3) float32 RGB in 0..1 and (N, 3) float32 outward normals.
    """
    albedo, normals = np.empty((2, len(points), 3), np.float32)
    order = np.argsort(solid, kind="stable")
    numbers, starts = np.unique(solid[order], return_index=True)
    for number, rows in zip(numbers, np.split(order, starts[1:])):
        piece = solids[number]
        local, uv = piece.surface(piece.to_local(points[rows]))
        albedo[rows] = piece.material.shade(uv)
        normals[rows] = local @ piece.rotation.T
    return albedo, normals


@dataclass(frozen=True, eq=False)
class Scene:
    """Solids, what they are, and a light. World frame: z up, metres."""

    solids: tuple[Solid, ...]  # ``instance`` of each indexes ``categories`` from 1
    categories: tuple[Category, ...]  # of instance 1, 2, ...
    light: Floats  # (3,) position of the point light

    @cached_property
    def instances(self) -> NDArray[np.int32]:
        """(S + 1,) instance of no solid, which is 0, and of every solid."""
        return np.array([0, *(solid.instance for solid in self.solids)], np.int32)

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
    """One rendered view."""

    color: NDArray[np.uint8]  # (H, W, 3) RGB
    depth: NDArray[np.float32]  # (H, W) z-depth in metres, 0 = nothing hit
    instance: NDArray[np.int32]  # (H, W) 0 = none, else 1..
    semantic: NDArray[np.int32]  # (H, W) ScanNet200 raw id, 0 = none


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
    instance = scene.instances[hits.solid + 1]
    raw_ids = np.array([0, *(c.raw_id for c in scene.categories)], np.int32)
    hit = hits.solid >= 0
    points = unproject(hits.depth, K, invert_rigid(world2cam))[hit]
    color = np.empty((*hit.shape, 3), np.uint8)
    color[~hit] = BACKGROUND
    lit = shade(scene.solids, scene.lamp, points, hits.solid[hit])
    color[hit] = np.round(lit * 255)
    return Frame(color, hits.depth.astype(np.float32), instance, raw_ids[instance])


def add_sensor_noise(color: NDArray[np.uint8], rng: np.random.Generator) -> NDArray:
    """A photograph, as (H, W, 3) uint8 RGB, of a rendered image: exposure and noise."""
    exposure = np.float32(rng.uniform(0.9, 1.1))
    noise = rng.standard_normal(color.shape, np.float32) * np.float32(NOISE)
    return np.clip(color * exposure + noise + 0.5, 0, 255).astype(np.uint8)
