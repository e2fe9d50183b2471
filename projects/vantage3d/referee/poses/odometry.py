"""Drift over stretches of a path, as KITTI's odometry benchmark counts it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.pose_metrics import relative_pose_errors


def segment_errors(
    pred: NDArray[np.float64],
    truth: NDArray[np.float64],
    lengths_m: Sequence[float],
    step: int,
) -> tuple[float, float]:
    """Mean error of the motion over stretches, by their length.

    A stretch begins at every ``step``-th frame and ends at the first frame whose true
    path is longer than its length; stretches that the path does not have are left out.

    Args:
        pred: (N, 4, 4) cam2world, metres.
        truth: (N, 4, 4) cam2world, metres.
        lengths_m: Lengths of the stretches, metres.
        step: Frames from one beginning to the next.

    Returns:
        Percent of the length, and degrees per metre; NaN if there is no stretch.
    """
    moves = np.linalg.norm(np.diff(truth[:, :3, 3], axis=0), axis=1)
    path = np.concatenate([[0.0], moves.cumsum()])
    starts = np.arange(0, len(truth), step)
    pairs, stretches = [], []
    for length in lengths_m:
        ends = np.searchsorted(path, path[starts] + length, side="right")
        some = ends < len(truth)
        pairs.append(np.column_stack([starts[some], ends[some]]))
        stretches.append(np.full(some.sum(), float(length)))
    both, lengths = np.concatenate(pairs), np.concatenate(stretches)
    if not len(both):
        return float("nan"), float("nan")
    errors = relative_pose_errors(pred, truth, both)
    return (
        float(np.mean(100 * errors.translation / lengths)),
        float(np.mean(errors.rotation_deg / lengths)),
    )
