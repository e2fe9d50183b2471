"""Of pixels drawn from a depth map, the one nearest in space to every pixel."""

from math import ceil, pi, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

DRAWN_INSIDE = 8  # pixels that a disc around a pixel has on average: most lie in it
LARGEST = 8  # pixels, radius of that disc


def nearest_drawn(
    depth: NDArray[np.floating], K: NDArray[np.float64], pixels: NDArray[np.integer]
) -> NDArray[np.intp]:
    """(M,) row of the nearest drawn pixel, for each pixel with depth, row by row.

    Each drawn pixel is offered to those around it in the image. What is nearer in space
    than the best of a disc of r pixels can only lie outside of it if the distance d is
    large: a ball of radius d at (x, y, z) is seen within f sqrt(1 + (x^2 + y^2) / z^2)
    d / (z - d) pixels. The few pixels where that is more than r search in a tree.

    Args:
        depth: (H, W) z-depth, 0 where missing.
        K: (3, 3) intrinsics in its pixels.
        pixels: (N, 2) drawn pixels (x, y), all with depth; repeats are fine.

    Returns:
        Rows of ``pixels``; of equally near ones any.
    """
    rows, columns = np.nonzero(depth > 0)
    z = depth[rows, columns].astype(np.float64)
    seen = np.stack([columns, rows, np.ones_like(rows)], 1).astype(np.float64)
    points = (seen @ np.linalg.inv(K).T) * z[:, None]
    share = len(rows) / len(pixels)
    reach = min(LARGEST, ceil(sqrt(DRAWN_INSIDE * share / pi)))
    width = depth.shape[1] + 2 * reach
    cells = (rows + reach) * width + columns + reach
    drawn = (pixels[:, 1] + reach) * width + pixels[:, 0] + reach
    found, squares = _offered(points, cells, drawn, width, reach)
    off_axis = np.sqrt(1 + (points[:, :2] ** 2).sum(1) / z**2)
    d, focal = np.sqrt(squares), np.linalg.norm(K[:2, :2], 2)
    with np.errstate(invalid="ignore"):
        left = ~(focal * off_axis * d <= reach * (z - d))
    if left.any():
        own = points[np.searchsorted(cells, drawn)]
        found[left] = cKDTree(own).query(points[left])[1]
    return found


def _offered(
    points: NDArray[np.float64],
    cells: NDArray[np.intp],
    drawn: NDArray[np.integer],
    width: int,
    reach: int,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """(M,) the nearest of the drawn pixels in a disc, and (M,) squares of distances.

    Args:
        points: (M, 3).
        cells: (M,) ascending places in a raster with a margin of ``reach``.
        drawn: (N,) places there.
        width: Of the raster.
        reach: Radius of the disc.
    """
    size = int(cells[-1]) + reach * width + reach + 1
    x, y, z, best = np.full((4, size), np.inf)
    x[cells], y[cells], z[cells] = points.T
    found = np.zeros(size, np.intp)
    order = np.argsort(drawn, kind="stable")
    drawn = drawn[order]
    own_x, own_y, own_z = x[drawn], y[drawn], z[drawn]
    steps = range(-reach, reach + 1)
    disc = [(i * i + j * j, i, j) for i in steps for j in steps]
    for _, i, j in sorted(one for one in disc if one[0] <= reach * reach):
        at = drawn + (i * width + j)
        squares = (x[at] - own_x) ** 2
        squares += (y[at] - own_y) ** 2
        squares += (z[at] - own_z) ** 2
        better = np.flatnonzero(squares < best[at])
        at = at[better]
        best[at], found[at] = squares[better], order[better]
    return found[cells], best[cells]
