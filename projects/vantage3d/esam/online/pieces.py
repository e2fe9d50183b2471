"""Detections in pieces: what does not hang together in space is not one instance."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from vantage3d.esam.online.tracks import Detections, Floats, Ids
from vantage3d.results.scene_instances import voxel_keys

REACH = 0.15  # metres between superpoints that hang together
CELL = 0.05  # metres, of which one point of a superpoint is looked at
LEAST = 25  # points of a piece, unless it is the largest


def in_pieces(found: Detections, superpoints: Ids) -> Detections:
    """The connected pieces of detections, as detections of their own.

    A network that takes things of equal looks for one says so in every frame that shows
    both, and no association would part them again. Where something stands before an
    instance, its parts are pieces too.

    Args:
        found: Of a frame.
        superpoints: (N,) 0..S-1 of its points, which are not cut.

    Returns:
        Pieces with label, score and vectors of their detection, without boxes; those
        of fewer than 25 points only where a detection has none that is larger.
    """
    number, count = len(found.scores), int(superpoints.max(initial=-1)) + 1
    row, point = np.nonzero(found.masks)
    sizes = np.bincount(row * count + superpoints[point], minlength=number * count)
    has = sizes.reshape(number, count) > 0
    first, second = _neighbours(found.points, superpoints)
    both, edge = np.nonzero(has[:, first] & has[:, second])
    ends = both * count + first[edge], both * count + second[edge]
    graph = coo_matrix((np.ones(len(edge), bool), ends), (number * count,) * 2)
    piece = connected_components(graph, directed=False)[1]
    points = np.bincount(piece, sizes)[piece].reshape(number, count)
    enough = np.minimum(points.max(1, initial=0), LEAST)[:, None]
    kept = np.flatnonzero(has & (points >= enough))
    pieces, at = np.unique(piece[kept], return_index=True)
    rows = kept[at] // count
    of_points = piece.reshape(number, count)[rows][:, superpoints]
    masks = found.masks[rows] & (of_points == pieces[:, None])
    return found.kept(rows)._replace(masks=masks, boxes=None)


def _neighbours(points: Floats, superpoints: Ids) -> tuple[NDArray[np.intp], ...]:
    """(E,) and (E,) superpoints with points at most :data:`REACH` from each other."""
    count = int(superpoints.max(initial=-1)) + 1
    cells = np.unique(voxel_keys(points, CELL), return_inverse=True)[1].ravel()
    once = np.unique(cells * count + superpoints, return_index=True)[1]
    pairs = cKDTree(points[once]).query_pairs(REACH, output_type="ndarray")
    near = np.zeros((count, count), bool)
    near[tuple(superpoints[once][pairs].T)] = True
    return near.nonzero()
