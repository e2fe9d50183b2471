"""Detections in pieces: what does not hang together in space is not one instance."""

import numpy as np
from numpy.typing import NDArray
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
    near, rows, masks = _neighbours(found.points, superpoints), [], []
    for row, mask in enumerate(found.masks):
        own = np.flatnonzero(np.bincount(superpoints[mask]))
        pieces = np.full(len(near), -1)
        pieces[own] = connected_components(near[np.ix_(own, own)], directed=False)[1]
        of_points = np.where(mask, pieces[superpoints], -1)
        sizes = np.bincount(of_points[mask])
        kept = np.flatnonzero(sizes >= min(LEAST, sizes.max(initial=0)))
        rows += [row] * len(kept)
        masks.append(of_points == kept[:, None])
    whole = np.concatenate([found.masks[:0], *masks])
    return found.kept(np.array(rows, np.intp))._replace(masks=whole, boxes=None)


def _neighbours(points: Floats, superpoints: Ids) -> NDArray[np.bool_]:
    """(S, S) which superpoints have points at most :data:`REACH` from each other."""
    number = int(superpoints.max(initial=-1)) + 1
    cells = np.unique(voxel_keys(points, CELL), return_inverse=True)[1].ravel()
    once = np.unique(cells * number + superpoints, return_index=True)[1]
    pairs = cKDTree(points[once]).query_pairs(REACH, output_type="ndarray")
    near = np.zeros((number, number), bool)
    near[tuple(superpoints[once][pairs].T)] = True
    return near
