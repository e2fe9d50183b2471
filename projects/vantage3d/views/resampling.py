"""Values of an image at the pixel centres of a smaller or larger one."""

import numpy as np
from numpy.typing import NDArray


def nearest(values: NDArray, height: int, width: int) -> NDArray:
    """Values at the centres of a view's pixels, never mixed (half-pixel rule).

    Args:
        values: (h, w) or (h, w, C) of any type.
        height: Rows of the view.
        width: Columns of the view.

    Returns:
        (height, width) or (height, width, C).
    """
    rows, columns = centres(values.shape[0], height), centres(values.shape[1], width)
    return values[rows][:, columns]


def centres(source: int, target: int) -> NDArray[np.intp]:
    """(target,) source index under each target pixel's centre (half-pixel rule)."""
    return ((np.arange(target) + 0.5) * (source / target)).astype(np.intp)


def resize_depth(
    depth: NDArray[np.float32], height: int, width: int, edge: float = 0.05
) -> NDArray[np.float32]:
    """Depth at the pixel centres of a view; holes and edges are never mixed.

    Between four measurements of one surface the value is interpolated, so that it
    belongs to the centre of the pixel; the nearest measurement alone would be up to
    half a source pixel off, all in one direction where sizes are halved. Where one of
    the four is missing, or they differ by more than ``edge``, the nearest is taken as
    it is: a hole stays a hole and no point hangs between two surfaces.

    Args:
        depth: (h, w) metres, 0 = missing.
        height: Rows of the view.
        width: Columns of the view.
        edge: Largest difference within a surface, as a share of the depth.

    Returns:
        (height, width) metres, 0 = missing.
    """
    if depth.shape == (height, width):
        return depth
    top, bottom, down = _neighbours(depth.shape[0], height)
    left, right, along = _neighbours(depth.shape[1], width)
    corners = np.stack(
        [depth[r[:, None], c] for r in (top, bottom) for c in (left, right)]
    )
    down, along = down[:, None], along[None, :]
    upper = corners[0] + (corners[1] - corners[0]) * along
    lower = corners[2] + (corners[3] - corners[2]) * along
    low, high = corners.min(axis=0), corners.max(axis=0)
    smooth = (low > 0) & (high <= low * (1 + edge))
    return np.where(
        smooth, upper + (lower - upper) * down, nearest(depth, height, width)
    )


def _neighbours(
    source: int, target: int
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
    """Source indices before and after each target centre, and the way between them."""
    centre = np.clip((np.arange(target) + 0.5) * (source / target) - 0.5, 0, source - 1)
    before = centre.astype(np.intp)
    share = (centre - before).astype(np.float32)
    return before, np.minimum(before + 1, source - 1), share
