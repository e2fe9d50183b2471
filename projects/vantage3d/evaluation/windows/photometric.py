"""Photometric consistency of a window: each frame against the next."""

from itertools import pairwise

import numpy as np

from vantage3d.evaluation.photometric import View, agreement, agreement_statistics
from vantage3d.evaluation.windows.aligned import AlignedWindow
from vantage3d.evaluation.windows.contracts import Floats, Record, predicted_cameras


def photometric_record(window: AlignedWindow) -> Record:
    """Curves of the predicted cameras and of the true ones.

    ``photometric.REGION.*`` is the network's own depth with its own cameras, both in
    its own unit: no alignment can make them disagree. ``photometric_gt_pose.REGION.*``
    is the aligned depth with the true cameras. ``photometric_truth.REGION.*`` is the
    true depth with the true cameras: what the images allow, reached by a perfect
    prediction.
    """
    truth, own = window.truth, window.prediction.depth
    record: Record = {}
    cameras = predicted_cameras(window.prediction, truth)
    if cameras is None:  # a curve of no pixel
        cameras, own = (truth.K, truth.world2cam), np.full_like(window.depth, np.nan)
    for name, *source in (
        ("photometric", own, *cameras),
        ("photometric_gt_pose", window.depth, truth.K, truth.world2cam),
        ("photometric_truth", truth.depth, truth.K, truth.world2cam),
    ):
        record |= _curve(f"{name}.{window.region}", window, *source)
    return record


def _curve(
    name: str, window: AlignedWindow, depth: Floats, K: Floats, world2cam: Floats
) -> Record:
    views = [View(*fields) for fields in zip(window.truth.images, depth, K, world2cam)]
    order = window.order
    pairs = [
        agreement(views[i], views[j], window.judged[i]) for i, j in pairwise(order)
    ]
    statistics = agreement_statistics(pairs, window.options.thresholds)
    measured = sum(len(pair.errors) for pair in pairs)
    return {
        **{f"{name}.{key}": value for key, value in statistics.items()},
        f"count.{name.partition('.')[0]}.pixels": float(measured),
    }
