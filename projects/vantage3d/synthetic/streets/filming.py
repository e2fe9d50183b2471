"""One view of a street: colours, exact depth, label and instance ids."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.geometry import invert_rigid, pixel_grid, unproject
from vantage3d.io.kitti360_labels import INSTANCE_BASE
from vantage3d.synthetic.render.raycast import cast
from vantage3d.synthetic.render.shading import surface_colours
from vantage3d.synthetic.render.solids import Floats
from vantage3d.synthetic.streets.layout import Street
from vantage3d.synthetic.streets.light import add_haze, sky
from vantage3d.synthetic.streets.piece import tag


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
    color[~hit] = sky(street.style, _rays(K, cam2street, size)[~hit], street.seed)
    pixels = np.clip(color * 255 + 0.5, 0, 255).astype(np.uint8)
    return StreetFrame(pixels, hits.depth, ids[hits.solid + 1])


def _rays(K: Floats, cam2street: Floats, size: tuple[int, int]) -> Floats:
    """(H, W, 3) directions of the pixels in the street's frame."""
    grid = pixel_grid(size[1], size[0], K)
    ray = np.stack(
        [
            (grid[..., 0] - K[0, 2]) / K[0, 0],
            (grid[..., 1] - K[1, 2]) / K[1, 1],
            np.ones(grid.shape[:2]),
        ],
        axis=-1,
    )
    return ray @ cam2street[:3, :3].T
