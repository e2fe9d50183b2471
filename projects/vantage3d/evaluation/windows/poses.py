"""Errors of the cameras of a window."""

import numpy as np

from vantage3d.evaluation.pose_metrics import (
    absolute_pose_errors,
    accuracy,
    align_orientations,
    align_poses,
    pair_angles,
    pose_auc,
    relative_pose_errors,
)
from vantage3d.evaluation.trajectory_alignment import stands_still
from vantage3d.evaluation.windows.aligned import AlignedWindow
from vantage3d.evaluation.windows.contracts import Floats, Record
from vantage3d.geometry import invert_rigid

AUC_DEG, ACCURACY_DEG = (3, 5, 15, 30), 15
LENGTHS = ("ate_trans", "rpe_trans")
ANGLES = ("ate_rot_deg", "rpe_rot_deg")
SHARES = (
    f"rra_{ACCURACY_DEG}", f"rta_{ACCURACY_DEG}", *(f"auc_{deg}" for deg in AUC_DEG),
)  # fmt: skip


def pose_record(window: AlignedWindow) -> Record:
    """``pose.*`` of a window; root mean squares over frames, or pairs of neighbours.

    A predicted pose that is not finite is counted; such a window has accuracies of 0
    and no errors. Windows of one frame have no pose metric at all; those of two, and
    those whose camera stands still, have no lengths: a similarity fits any two centres.
    """
    names = (*LENGTHS, *ANGLES, *SHARES)
    record = {f"pose.{name}": float("nan") for name in names}
    predicted = window.prediction.world2cam
    if predicted is None or len(predicted) < 2:
        return record
    bad = ~np.isfinite(predicted).all(axis=(1, 2))
    record["count.bad_poses"] = float(bad.sum())
    if bad.any():
        return record | {f"pose.{name}": 0.0 for name in SHARES}
    pred, true = (
        invert_rigid(poses[window.order].astype(np.float64))
        for poses in (predicted, window.truth.world2cam)
    )
    values = _lengths(pred, true) | _angles(pred, true)
    return record | {f"pose.{name}": value for name, value in values.items()}


def _lengths(pred: Floats, true: Floats) -> Record:
    if len(true) < 3 or stands_still(true[:, :3, 3]):
        return {}
    aligned = align_poses(pred, true)
    absolute = absolute_pose_errors(aligned, true).rmse()[0]
    relative = relative_pose_errors(aligned, true).rmse()[0]
    return dict(zip(LENGTHS, (absolute, relative)))


def _angles(pred: Floats, true: Floats) -> Record:
    oriented = align_orientations(pred, true)
    absolute = absolute_pose_errors(oriented, true).rmse()[1]
    relative = relative_pose_errors(pred, true).rmse()[1]
    pairs = pair_angles(pred, true)
    worst = pairs.worst()
    shares = (
        accuracy(pairs.rotation_deg, ACCURACY_DEG),
        accuracy(pairs.direction_deg, ACCURACY_DEG),
        *(pose_auc(worst, degrees) for degrees in AUC_DEG),
    )
    return dict(zip((*ANGLES, *SHARES), (absolute, relative, *shares)))
