"""Accuracy, completeness and F-score of a predicted point map.

The prediction has its own world and unit, so it is first moved by the similarity that
fits corresponding points best (pixels correspond), but for the tenth that is farthest
off relative to its depth. Then, with d the distance to the nearest neighbour in the
other cloud:

    accuracy      mean d of the predicted points, metres
    completeness  mean d of the true points, metres
    F-score       harmonic mean of the shares of both with d < threshold
"""

from collections.abc import Callable

import numpy as np
from scipy.spatial import KDTree

from vantage3d.checks import check_positive, check_shape
from vantage3d.evaluation.depth_metrics import Floats, Mask
from vantage3d.geometry.similarity import Similarity, stands_still, umeyama

KEPT = 0.9  # share of the points that the similarity is fitted to
ROUNDS = 10  # until the kept points are the best ones
SAMPLE = 5000  # points that these rounds look at; the last fit takes all
NAMES = ("accuracy", "completeness", "f_score")
Distances = Callable[[Floats], Floats]  # (N, 3) points to (N,) metres


def align_points(pred: Floats, truth: Floats, depth: Floats) -> Similarity | None:
    """The similarity that moves predicted points onto the true ones.

    Args:
        pred: (N, 3) finite points.
        truth: (N, 3) points that correspond, metres.
        depth: (N,) true z-depths: far points may be farther off.

    Returns:
        The similarity; None for fewer than 3 points, or points that coincide.

    Raises:
        ValueError: If shapes disagree or a value is not finite.
    """
    dims = check_shape("depth", depth, "N")
    check_shape("truth", truth, "N 3", dims=dims)
    if len(truth) < 3 or stands_still(truth):
        return None
    step = -(-len(truth) // SAMPLE)
    similarity = umeyama(pred[::step], truth[::step])
    for _ in range(ROUNDS):
        kept = _nearest(similarity, pred[::step], truth[::step], depth[::step])
        before = similarity
        similarity = umeyama(pred[::step][kept], truth[::step][kept])
        if similarity.scale == before.scale:
            break
    kept = _nearest(similarity, pred, truth, depth)
    return umeyama(pred[kept], truth[kept])


def _nearest(
    similarity: Similarity, pred: Floats, truth: Floats, depth: Floats
) -> Mask:
    """(N,) whether a moved point is among those that are least off for their depth."""
    error = np.linalg.norm(similarity.points(pred) - truth, axis=1) / depth
    last = max(3, round(KEPT * len(error))) - 1
    return error <= np.partition(error, last)[last]


def cloud_metrics(
    pred: Floats,
    truth: Floats,
    threshold_m: float,
    asked: tuple[Mask, Mask] | None = None,
    to_truth: Distances | None = None,
) -> dict[str, float]:
    """Compare two clouds.

    Args:
        pred: (N, 3) points in the true world, metres.
        truth: (M, 3) points, metres.
        threshold_m: Distance within which a point is right.
        asked: (N,) and (M,) bool, the points whose nearest neighbour in the other
            cloud is looked up; all of both if not given.
        to_truth: Distances to ``truth``, where it was made ready for several clouds.

    Returns:
        ``accuracy``, ``completeness``, ``f_score``; NaN if a cloud is empty.

    Raises:
        ValueError: If a shape is wrong or the threshold is not positive.
    """
    check_shape("pred", pred, "N 3")
    check_shape("truth", truth, "M 3")
    check_positive("threshold_m", threshold_m)
    sources = (pred, truth) if asked is None else (pred[asked[0]], truth[asked[1]])
    if not all(map(len, sources)):
        return dict.fromkeys(NAMES, float("nan"))
    forth = (to_truth or distances_to(truth))(sources[0])
    back = nearest_distances(sources[1], pred)
    precision, recall = np.mean(forth < threshold_m), np.mean(back < threshold_m)
    both = precision + recall
    f_score = float(2 * precision * recall / both) if both else 0.0
    return dict(zip(NAMES, (float(forth.mean()), float(back.mean()), f_score)))


def nearest_distances(points: Floats, cloud: Floats) -> Floats:
    """(N,) metres from each of (N, 3) points to the nearest of (M, 3)."""
    return distances_to(cloud)(points)


def distances_to(cloud: Floats) -> Distances:
    """:func:`nearest_distances` to an (M, 3) cloud that is made ready once."""
    if stands_still(cloud):  # a tree of one point is slow
        return lambda points: np.linalg.norm(points - cloud[0], axis=1)
    tree = KDTree(cloud, leafsize=32, compact_nodes=False, balanced_tree=False)
    return lambda points: tree.query(points)[0]
