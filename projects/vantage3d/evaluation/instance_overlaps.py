"""What ScanNet's instance AP needs to know of one scene: a few small tables.

The dense masks (P instances x N points) are reduced to their intersections as soon as
a scene is seen, so that thousands of scenes can be kept and sent between processes.
"""

from dataclasses import dataclass, replace

import numpy as np

MAX_INSTANCE_ID = 2**24
BITS = ((np.arange(256)[:, None] >> np.arange(8)) & 1).astype(np.float64)
"""(256, 8) bits of each byte, lowest first."""


@dataclass(frozen=True)
class SceneOverlaps:
    """Sizes and intersections of the instances of one scene, in points.

    Attributes:
        intersections: (P, G) int64, points shared by prediction p and true instance g.
        pred_sizes: (P,) int64.
        pred_void: (P,) int64, points of a prediction without a valid true instance.
        pred_labels: (P,) int64 class indices.
        pred_scores: (P,) float64.
        gt_sizes: (G,) int64.
        gt_labels: (G,) int64 class indices.
    """

    intersections: np.ndarray
    pred_sizes: np.ndarray
    pred_void: np.ndarray
    pred_labels: np.ndarray
    pred_scores: np.ndarray
    gt_sizes: np.ndarray
    gt_labels: np.ndarray

    @property
    def ious(self) -> np.ndarray:
        """(P, G) intersection over union."""
        union = self.pred_sizes[:, None] + self.gt_sizes - self.intersections
        return self.intersections / np.maximum(union, 1)

    def select(self, rows: np.ndarray) -> "SceneOverlaps":
        """The same scene with the predictions ``rows``, indices or (P,) bool."""
        names = ("sizes", "void", "labels", "scores")
        kept = {f"pred_{name}": getattr(self, f"pred_{name}")[rows] for name in names}
        return replace(self, intersections=self.intersections[rows], **kept)

    def agnostic(self) -> "SceneOverlaps":
        """The same scene with one class, 0, for everything."""
        return replace(
            self,
            pred_labels=np.zeros_like(self.pred_labels),
            gt_labels=np.zeros_like(self.gt_labels),
        )


@dataclass(frozen=True)
class SceneTruth:
    """True instances of one scene.

    Attributes:
        column: (N,) int64, 0 where void, g + 1 for a point of instance g.
        sizes: (G,) int64 in points.
        labels: (G,) int64 class indices.
    """

    column: np.ndarray
    sizes: np.ndarray
    labels: np.ndarray


def scene_truth(labels: np.ndarray, instances: np.ndarray) -> SceneTruth:
    """Compact the ground truth of a scene.

    Args:
        labels: (N,) class index of each point, -1 where it has no valid class.
        instances: (N,) instance id of each point, -1 for none. Ids may have gaps.

    Returns:
        The instances in ascending order of id; those without a valid class are void.

    Raises:
        ValueError: If the lengths differ, an id is absurdly large, or an instance has
            more than one class.
    """
    labels, instances = np.asarray(labels), np.asarray(instances)
    if labels.shape != instances.shape or labels.ndim != 1:
        raise ValueError(
            "`labels` and `instances` must both have shape (N,), got "
            f"{labels.shape} and {instances.shape}. Give one of each per point."
        )
    largest = int(instances.max(initial=-1))
    if largest > MAX_INSTANCE_ID:
        raise ValueError(
            f"`instances` must not exceed {MAX_INSTANCE_ID}, got {largest}. "
            "Renumber the instances of the scene."
        )
    instances = np.maximum(instances, -1)
    label_of_id = np.full(largest + 2, -1)  # the last one is that of id -1
    label_of_id[np.where(labels >= 0, instances, -1)] = labels
    label_of_id[-1] = -1
    expected = label_of_id[instances]
    wrong = (expected >= 0) & (expected != labels)
    if wrong.any():
        instance = instances[wrong][0]
        classes = np.unique(labels[instances == instance]).tolist()
        raise ValueError(
            f"True instance {instance} has points of the classes {classes}; an "
            "instance must have one class. Fix the semantic or the instance labels."
        )
    ids = np.flatnonzero(label_of_id >= 0)
    column_of_id = np.zeros(largest + 2, np.int64)
    column_of_id[ids] = np.arange(1, len(ids) + 1)
    column = column_of_id[instances]
    sizes = np.bincount(column, minlength=len(ids) + 1)
    return SceneTruth(column, sizes[1:], label_of_id[ids])


def scene_overlaps(
    truth: SceneTruth,
    pred_masks: np.ndarray,
    pred_labels: np.ndarray,
    pred_scores: np.ndarray,
) -> SceneOverlaps:
    """Intersect predicted masks with the ground truth.

    Args:
        truth: Of `scene_truth`.
        pred_masks: (P, N) bool, may overlap; P may be 0.
        pred_labels: (P,) class indices.
        pred_scores: (P,) finite confidences.

    Raises:
        ValueError: If the number of points or of predictions disagrees, or a score is
            not finite.
    """
    masks, n_points = np.asarray(pred_masks), len(truth.column)
    if masks.ndim != 2 or masks.dtype != bool or masks.shape[1] != n_points:
        raise ValueError(
            f"`pred_masks` must be bool of shape (P, {n_points}), one column for each "
            f"point of the ground truth, got {masks.dtype} {masks.shape}. "
            "Predict on the points that the labels belong to."
        )
    labels, scores = np.asarray(pred_labels), np.asarray(pred_scores, np.float64)
    if labels.shape != masks.shape[:1] or scores.shape != masks.shape[:1]:
        raise ValueError(
            f"`pred_labels` and `pred_scores` must have shape ({len(masks)},), one for "
            f"each of the `pred_masks`, got {labels.shape} and {scores.shape}."
        )
    if not np.isfinite(scores).all():
        bad = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise ValueError(
            f"`pred_scores` must be finite, got {scores[bad]} for prediction {bad}."
        )
    table = count_by_column(masks, truth.column, len(truth.sizes) + 1)
    return _from_table(table, labels.astype(np.int64), scores, truth)


def partition_overlaps(
    truth: SceneTruth, parts: np.ndarray, labels: np.ndarray | None = None
) -> SceneOverlaps:
    """Intersect the parts of a partition, each a prediction of score 1.

    Args:
        truth: Of `scene_truth`.
        parts: (N,) non-negative part of each point, for example its superpoint.
        labels: (P,) class index of each part; without it a part gets the class that
            most of its points have in the ground truth.

    Raises:
        ValueError: If the number of points differs or a part is negative.
    """
    parts = np.asarray(parts)
    if parts.shape != truth.column.shape:
        raise ValueError(
            f"`parts` must have shape {truth.column.shape}, got {parts.shape}. "
            "Give one part per point."
        )
    if parts.size and parts.min() < 0:
        raise ValueError(f"`parts` must not be negative, got {parts.min()}.")
    n_columns = len(truth.sizes) + 1
    n_parts = int(parts.max()) + 1 if parts.size else 0
    flat = np.bincount(parts * n_columns + truth.column, minlength=n_parts * n_columns)
    table = flat.reshape(n_parts, n_columns)
    if labels is None:
        # the class with most points in each part, 0 where there is none
        n_classes = int(truth.labels.max(initial=0)) + 1
        votes = np.zeros((n_parts, n_classes), np.int64)
        np.add.at(votes.T, truth.labels, table[:, 1:].T)
        labels = votes.argmax(1)
    return _from_table(table, labels, np.ones(n_parts), truth)


def count_by_column(
    masks: np.ndarray, column: np.ndarray, n_columns: int
) -> np.ndarray:
    """How many points of each column a mask covers.

    Eight masks make one byte per point; one histogram of (column, byte) then counts for
    all eight of them.

    Args:
        masks: (P, N) bool.
        column: (N,) int64 in 0..n_columns-1.
        n_columns: Columns of the result.

    Returns:
        (P, n_columns) int64.
    """
    table = np.zeros((len(masks), n_columns), np.int64)
    first_bin, bins = column * 256, np.empty_like(column)
    for start in range(0, len(masks), 8):
        block = masks[start : start + 8].view(np.uint8)
        byte = block[-1].copy()
        for mask in block[-2::-1]:
            np.add(byte, byte, out=byte)
            np.bitwise_or(byte, mask, out=byte)
        np.add(first_bin, byte, out=bins)
        histogram = np.bincount(bins, minlength=n_columns * 256)
        # floats are exact here and multiply faster
        counts = histogram.reshape(n_columns, 256).astype(np.float64) @ BITS
        table[start : start + 8] = counts.T[: len(block)]
    return table


def _from_table(
    table: np.ndarray, labels: np.ndarray, scores: np.ndarray, truth: SceneTruth
) -> SceneOverlaps:
    return SceneOverlaps(
        intersections=table[:, 1:],
        pred_sizes=table.sum(1),
        pred_void=table[:, 0],
        pred_labels=labels,
        pred_scores=scores,
        gt_sizes=truth.sizes,
        gt_labels=truth.labels,
    )
