"""Average precision of instances by ScanNet's protocol, as pure functions of numpy.

The numbers are those of mmdet3d's ``scannet_eval``:

- AP is the mean over the 9 overlaps 0.50, 0.55, ..., 0.90 (0.95 is not among them),
  AP50 and AP25 stand for one overlap each; a prediction must exceed the overlap.
- Predictions of fewer than ``min_region`` (100) points are dropped, smaller true
  instances are void: they are neither missed nor found.
- A true instance takes all predictions above the overlap; the best score is the true
  positive, every duplicate a false positive. Instances choose in ascending order of id,
  predictions in the order given, which matters at 0.25 only: above one half a
  prediction fits one instance at most.
- Of the other predictions those are ignored that lie mostly (by more than the overlap)
  on points without a valid label or on small instances of their class.
- The area under the precision-recall curve is a sum of centred steps of recall.
- A class without true instances has no AP (nan) and is left out of the means.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vantage3d.evaluation.instance_overlaps import SceneOverlaps
from vantage3d.evaluation.metrics_table import AP_KEYS

AP_OVERLAPS = np.arange(0.5, 0.95, 0.05)
"""The 9 overlaps of AP, written as in the reference to have its very floats."""
OVERLAPS = np.append(AP_OVERLAPS, 0.25)
MIN_REGION = 100


class Outcomes(NamedTuple):
    """Scored predictions of a scene: arrays (E,) over all overlaps and classes.

    Indices of overlap and class, confidences, and whether it is a true positive.
    """

    overlap: np.ndarray
    label: np.ndarray
    score: np.ndarray
    hit: np.ndarray


def match_scene(
    scene: SceneOverlaps,
    overlaps: np.ndarray = OVERLAPS,
    min_region: int = MIN_REGION,
) -> Outcomes:
    """Decide for each prediction and overlap: true positive, false positive, ignored.

    Args:
        scene: Intersections of P predictions with G true instances.
        overlaps: (T,) values that the intersection over union must exceed.
        min_region: Smallest instance in points.

    Returns:
        The true and false positives; what is ignored does not appear.
    """
    scene = scene.select(scene.pred_sizes >= min_region)
    shared, sizes = scene.intersections, scene.pred_sizes
    same = scene.pred_labels[:, None] == scene.gt_labels
    iou = np.where(same, scene.ious, 0.0)

    small = scene.gt_sizes < min_region
    ignorable = scene.pred_void + (shared * (same & small)).sum(1)
    ignored = ignorable / np.maximum(sizes, 1)
    fits = iou > overlaps[:, None, None]
    lost = ~fits.any(2) & (ignored <= overlaps[:, None])

    taken, pred, best = _assign(fits & ~small, scene.pred_scores)
    overlap, miss = np.nonzero(lost)
    chosen = np.append(pred, miss)
    return Outcomes(
        overlap=np.append(taken, overlap),
        label=scene.pred_labels[chosen],
        score=scene.pred_scores[chosen],
        hit=np.append(best, np.zeros(len(miss), bool)),
    )


def average_precisions(
    scenes: Sequence[SceneOverlaps],
    n_classes: int,
    overlaps: np.ndarray = OVERLAPS,
    min_region: int = MIN_REGION,
) -> np.ndarray:
    """AP of each class at each overlap over all scenes.

    Args:
        scenes: In any order; they only share the ranking by score.
        n_classes: C; labels must be below it.
        overlaps: (T,).
        min_region: Smallest instance in points.

    Returns:
        (C, T) in [0, 1], nan for a class without true instances.

    Raises:
        ValueError: If a label is not below `n_classes`.
    """
    n_true = np.zeros(n_classes, np.int64)
    for index, scene in enumerate(scenes):
        for name in ("pred_labels", "gt_labels"):
            labels = getattr(scene, name)
            if len(labels) and not 0 <= labels.min() <= labels.max() < n_classes:
                raise ValueError(
                    f"{name} of scene {index} must lie in 0..{n_classes - 1}, got "
                    f"{labels.min()}..{labels.max()}. Map labels to indices of the "
                    "class names first."
                )
        large = scene.gt_labels[scene.gt_sizes >= min_region]
        n_true += np.bincount(large, minlength=n_classes)
    found = [match_scene(scene, overlaps, min_region) for scene in scenes]
    return pooled_precisions(found, n_true, len(overlaps))


def pooled_precisions(
    found: Sequence[Outcomes], n_true: np.ndarray, n_overlaps: int
) -> np.ndarray:
    """AP of each class at each overlap from the outcomes of all scenes.

    Args:
        found: Of `match_scene`, of each scene.
        n_true: (C,) true instances of all scenes that are large enough.
        n_overlaps: T.

    Returns:
        (C, T) in [0, 1], nan for a class without true instances.
    """
    if not found:
        return np.full((len(n_true), n_overlaps), np.nan)
    rows = Outcomes(*map(np.concatenate, zip(*found)))
    areas = precision_recall_areas(
        rows.label * n_overlaps + rows.overlap,
        rows.score,
        rows.hit,
        n_true.repeat(n_overlaps),
    )
    return areas.reshape(len(n_true), n_overlaps)


def resampled_precisions(
    found: Sequence[Outcomes],
    n_true: np.ndarray,
    n_overlaps: int,
    weights: np.ndarray,
) -> np.ndarray:
    """What `pooled_precisions` gives of scenes that count several times, or not at all.

    Predictions are sorted once: a scene that counts twice has two of each, of one
    score, and one that does not count leaves points on the curve that repeat others.

    Args:
        found: Of `match_scene`, of each of S scenes.
        n_true: (S, C) true instances of each scene that are large enough.
        n_overlaps: T.
        weights: (R, S) how often scenes count.

    Returns:
        (R, C, T), nan for a class without true instances.
    """
    rows = Outcomes(*map(np.concatenate, zip(*found)))
    scene = np.repeat(np.arange(len(found)), [len(one.score) for one in found])
    curves = Curves(rows.label * n_overlaps + rows.overlap, rows.score, rows.hit)
    scene = scene[curves.order]
    areas = [
        curves.areas(true.repeat(n_overlaps), weight[scene])
        for weight, true in zip(weights, weights @ n_true)
    ]
    return np.reshape(areas, (len(weights), n_true.shape[1], n_overlaps))


def precision_recall_areas(
    group: np.ndarray, scores: np.ndarray, hits: np.ndarray, n_true: np.ndarray
) -> np.ndarray:
    """Areas under the precision-recall curves of independent groups.

    Args:
        group: (E,) curve each prediction belongs to, 0..K-1.
        scores: (E,) confidences.
        hits: (E,) bool, true positives.
        n_true: (K,) true instances.

    Returns:
        (K,) areas, nan where ``n_true`` is 0.
    """
    return Curves(group, scores, hits).areas(n_true, np.ones(len(scores)))


class Curves:
    """Precision-recall curves of independent groups, sorted once.

    Predictions of equal score enter together. Each point of a curve weighs half the
    recall between its neighbours; the first one, recall 0 at precision 1, is assumed.

    Args:
        group: (E,) curve each prediction belongs to, 0..K-1.
        scores: (E,) confidences.
        hits: (E,) bool, true positives.

    Attributes:
        order: (E,) in which they lie along the curves.
    """

    def __init__(self, group: np.ndarray, scores: np.ndarray, hits: np.ndarray) -> None:
        self.order = np.lexsort((-scores, group))
        group, scores = group[self.order], scores[self.order]
        self._hits = hits[self.order].astype(np.float64)
        start = np.where(_changes(group), np.arange(len(group)), 0)
        ends = (_changes(group) | _changes(scores))[1:]
        # of each point: its last prediction, the first one of its curve, and its curve
        self._last = np.flatnonzero(np.append(ends, True)[: len(group)])
        self._start = np.maximum.accumulate(start)[self._last]
        self._group = group[self._last]

    def areas(self, n_true: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(K,) areas, nan where ``n_true`` is 0.

        Args:
            n_true: (K,) true instances.
            weights: (E,) how often predictions count, in :attr:`order`.
        """
        seen, found = self._within(weights), self._within(weights * self._hits)
        precision = np.divide(found, seen, out=np.ones(len(seen)), where=seen > 0)
        recall = found / np.maximum(n_true, 1)[self._group]
        head = _changes(self._group)
        tail = np.append(head[1:], True)[: len(head)]
        before = np.where(head, 0.0, np.roll(recall, 1))
        after = np.where(tail, recall, np.roll(recall, -1))
        shares = precision * (after - before) / 2 + np.where(head, recall / 2, 0.0)
        areas = np.bincount(self._group, shares, minlength=len(n_true))
        return np.where(n_true > 0, areas, np.nan)

    def _within(self, values: np.ndarray) -> np.ndarray:
        """Sums from the first prediction of a curve to the last one of a point."""
        sums = np.append(0.0, np.cumsum(values))
        return sums[self._last + 1] - sums[self._start]


def instance_ap(
    scenes: Sequence[SceneOverlaps],
    class_names: Sequence[str],
    min_region: int = MIN_REGION,
) -> dict:
    """AP, AP50 and AP25 overall and of each class.

    For class-agnostic numbers give ``[scene.agnostic() for scene in scenes]`` and one
    name.

    Returns:
        ``all_ap``, ``all_ap_50%``, ``all_ap_25%`` and ``classes``, which holds for each
        name ``ap``, ``ap50%``, ``ap25%``. A class without true instances has nan.
    """
    return ap_summary(
        average_precisions(scenes, len(class_names), OVERLAPS, min_region), class_names
    )


def ap_summary(aps: np.ndarray, class_names: Sequence[str]) -> dict:
    """What `instance_ap` returns, of APs by class and overlap.

    Args:
        aps: (C, T), at 0.50 first and at 0.25 last; AP is the mean of all but the last.
        class_names: (C,).
    """
    table = np.stack([aps[:, :-1].mean(1), aps[:, 0], aps[:, -1]], 1)
    valid = table[~np.isnan(table[:, 0])]
    overall = valid.mean(0) if len(valid) else np.full(3, np.nan)
    result: dict = dict(zip(AP_KEYS, overall.tolist()))
    result["classes"] = {
        name: dict(zip(("ap", "ap50%", "ap25%"), row.tolist()))
        for name, row in zip(class_names, table)
    }
    return result


def _assign(
    fits: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(E,) overlap, prediction, and whether it is the best of its instance.

    ``fits`` (T, P, G): the prediction exceeds the overlap with a large instance.
    """
    overlap, gt, pred = np.nonzero(fits.transpose(0, 2, 1))
    keep = _unclaimed(overlap, gt, pred, fits.sum(2).max(initial=0))
    overlap, gt, pred = overlap[keep], gt[keep], pred[keep]
    group = overlap * fits.shape[2] + gt
    order = np.lexsort((pred, -scores[pred], group))
    overlap, pred, group = overlap[order], pred[order], group[order]
    return overlap, pred, _changes(group)


def _unclaimed(
    overlap: np.ndarray, gt: np.ndarray, pred: np.ndarray, fits_at_most: int
) -> np.ndarray:
    """Pairs whose prediction was not claimed by an instance that chose before.

    The first free prediction of an instance is claimed by it and free for no later one.
    Pairs are sorted by overlap, instance, prediction.
    """
    keep = np.ones(len(pred), bool)
    if fits_at_most < 2:
        return keep
    claimed: set[tuple[int, int]] = set()
    claimant = None
    for index, (t, g, p) in enumerate(zip(overlap, gt, pred)):
        keep[index] = (t, p) not in claimed
        if keep[index] and claimant != (t, g):
            claimed.add((t, p))
            claimant = (t, g)
    return keep


def _changes(values: np.ndarray) -> np.ndarray:
    """Whether each value differs from the one before it; the first one does."""
    return np.append(True, values[1:] != values[:-1])[: len(values)]
