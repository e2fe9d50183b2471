"""From a superpoint map of an image to contiguous superpoint ids of points."""

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2

UNCOVERED_CLUSTERS = 10


def superpoint_ids(
    label_map: NDArray[np.integer],
    pixels: NDArray[np.integer],
    xyz: NDArray[np.floating],
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Superpoint of each point, 0..S-1 without gaps.

    Points that no superpoint covers are grouped by k-means on their position; colour
    plays no part in it (its 0..255 would drown metres).

    Args:
        label_map: (H, W) superpoints of the image, negative where uncovered.
        pixels: (N, 2) source pixels (x, y).
        xyz: (N, 3) points in metres.
        rng: Seeds the k-means.
    """
    ids = label_map[pixels[:, 1], pixels[:, 0]].astype(np.int64)
    uncovered = ids < 0
    ids[uncovered] = ids.max(initial=-1) + 1 + _clusters(xyz[uncovered], rng)
    return np.unique(ids, return_inverse=True)[1].astype(np.int64)


def _clusters(xyz: NDArray, rng: np.random.Generator) -> NDArray[np.int64]:
    if len(np.unique(xyz, axis=0)) < UNCOVERED_CLUSTERS:
        return np.zeros(len(xyz), dtype=np.int64)
    xyz = xyz.astype(np.float64)
    return kmeans2(xyz, UNCOVERED_CLUSTERS, minit="++", missing="warn", rng=rng)[1]


def segmentation_quality(
    superpoints: NDArray[np.int64], instances: NDArray[np.int64]
) -> dict[str, float]:
    """How well superpoints respect instances.

    Every superpoint is given to the instance (or background) that most of its points
    have. Purity is the share of points for which that is right; the oracle recall is
    the share of instances whose union of superpoints reaches an IoU above 0.5.

    Args:
        superpoints: (N,) ids 0..S-1.
        instances: (N,) ids, 0 for background.
    """
    ids, columns = np.unique(instances, return_inverse=True)
    table = np.zeros((superpoints.max() + 1, len(ids)), dtype=np.int64)
    np.add.at(table, (superpoints, columns), 1)
    best = table.argmax(axis=1)
    right = np.bincount(best, weights=table.max(axis=1), minlength=len(ids))
    given = np.bincount(best, weights=table.sum(axis=1), minlength=len(ids))
    iou = (right / (given + table.sum(axis=0) - right))[ids > 0]
    return {
        "superpoints": len(table),
        "purity": float(right.sum() / len(instances)),
        "instances": len(iou),
        "oracle_hits": int((iou > 0.5).sum()),
    }
