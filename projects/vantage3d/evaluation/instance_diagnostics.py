"""Why AP is what it is: what becomes of true instances, and of predictions.

Instances below ``min_region`` take no part, neither true nor predicted, nor
predictions of which more than half lies on no true instance: they may show what is not
labelled.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.instance_overlaps import SceneOverlaps
from vantage3d.evaluation.scannet_ap import MIN_REGION

FOUND, TOUCHED = 0.5, 0.1  # IoU of an instance that is found, and of one that is met
IMPURE = 0.85  # share of a prediction in its best true instance that is little
BUDGETS = (20, 30, 50, 100)  # best predictions of a scene that an oracle may use


def diagnose(
    scenes: Sequence[SceneOverlaps], min_region: int = MIN_REGION
) -> dict[str, float]:
    """Rates over all scenes; NaN where there is nothing to measure.

    Args:
        scenes: Predictions of a scene best first.
        min_region: In points.

    Returns:
        Of true instances: ``untouched``, no prediction overlaps it by 0.1; ``stuck``,
        one does and none reaches 0.5; ``hit_twice``, two do overlap it by 0.1;
        ``oracle@K``, share that one of the K best predictions of its scene overlaps by
        0.5; ``rank_median`` and ``rank_p90`` of the prediction that overlaps it most,
        0 for the best one, of those it finds.
        Of predictions: ``unmatched``, no true instance is overlapped by 0.5;
        ``impure``, less than 0.85 of it lies in one true instance.
    """
    ious, purity = [], []
    for scene in scenes:
        kept = (scene.pred_sizes >= min_region) & (
            scene.pred_void * 2 <= scene.pred_sizes
        )
        own = scene.select(kept)
        large = own.gt_sizes >= min_region
        ious.append(own.ious[:, large])
        inside = own.intersections.max(1, initial=0)
        purity.append(inside / np.maximum(own.pred_sizes, 1))
    best = _joined([iou.max(0, initial=0) for iou in ious])
    touching = _joined([(iou >= TOUCHED).sum(0) for iou in ious])
    reached = _joined([iou.max(1, initial=0) for iou in ious])
    rank = _joined(
        [iou.argmax(0) if len(iou) else np.zeros(iou.shape[1]) for iou in ious]
    )
    rank = rank[best >= FOUND]
    found = {
        "untouched": _mean(best < TOUCHED),
        "stuck": _mean((best >= TOUCHED) & (best < FOUND)),
        "hit_twice": _mean(touching >= 2),
        "unmatched": _mean(reached < FOUND),
        "impure": _mean(_joined(purity) < IMPURE),
        "rank_median": float(np.median(rank)) if len(rank) else np.nan,
        "rank_p90": float(np.quantile(rank, 0.9)) if len(rank) else np.nan,
    }
    for budget in BUDGETS:
        chosen = [iou[:budget].max(0, initial=0) for iou in ious]
        found[f"oracle@{budget}"] = _mean(_joined(chosen) >= FOUND)
    return found


def _joined(parts: list[NDArray]) -> NDArray[np.float64]:
    return np.concatenate([np.zeros(0), *parts])


def _mean(values: NDArray) -> float:
    return float(values.mean()) if len(values) else np.nan
