"""The numbers of one window: what a metric keeps of its frames."""

from typing import Any, NamedTuple

import numpy as np

from vantage3d.checks import check_shape
from vantage3d.evaluation.depth_alignment import align_depth
from vantage3d.evaluation.depth_metrics import (
    DEPTH_METRICS,
    Floats,
    Mask,
    depth_errors,
    usable,
)
from vantage3d.evaluation.pose_metrics import pair_angles, pose_auc
from vantage3d.geometry import invert_rigid

Values = dict[str, float]
COUNTS = ("pixels", "bad_pixels")


class DepthRule(NamedTuple):
    """How the depth of a window is judged.

    Attributes:
        alignment: One of ``depth_alignment.ALIGNMENTS``.
        per_frame: Whether each frame is aligned by itself, not the window as a whole.
        min_valid: True pixels that a window needs; one with fewer is left out, and
            counted.
    """

    alignment: str
    per_frame: bool
    min_valid: int


def window_depth(pred: Floats, truth: Floats, mask: Mask, rule: DepthRule) -> Values:
    """Errors of the depth of a window, all its frames together.

    Args:
        pred: (S, H, W) predicted depth in any unit.
        truth: (S, H, W) z-depth in metres.
        mask: (S, H, W) bool, where the truth is valid.
        rule: Alignment and minimum.

    Returns:
        The metrics and counts of :func:`depth_errors`; all NaN with too few true
        pixels.

    Raises:
        ValueError: If prediction and truth differ in shape.
    """
    dims = check_shape("truth", truth, "S H W")
    check_shape("pred", pred, "S H W", dims=dims)
    if mask.sum() < rule.min_valid:
        return dict.fromkeys((*DEPTH_METRICS, *COUNTS), float("nan"))
    if (mask & usable(pred)).any():
        pred = align_depth(pred, truth, mask, rule.alignment, rule.per_frame)
    return depth_errors(pred, truth, mask)


def window_poses(pred: Floats, truth: Floats, thresholds: tuple[int, ...]) -> Values:
    """Areas under the pose accuracy of a window.

    Args:
        pred: (S, 4, 4) predicted world2cam in any unit.
        truth: (S, 4, 4) world2cam, metres.
        thresholds: Degrees.

    Returns:
        ``AUC@30`` and the like, 0 where a predicted pose is not finite, and
        ``bad_poses``, the number of those.
    """
    bad = ~np.isfinite(pred).all(axis=(1, 2))
    names = {f"AUC@{threshold}": threshold for threshold in thresholds}
    if bad.any():
        return {**dict.fromkeys(names, 0.0), "bad_poses": float(bad.sum())}
    worst = pair_angles(_cam2world(pred), _cam2world(truth)).worst()
    areas = {name: pose_auc(worst, degrees) for name, degrees in names.items()}
    return {**areas, "bad_poses": 0.0}


def _cam2world(world2cam: Any) -> Floats:
    return invert_rigid(world2cam.astype(np.float64))
