"""The point map of a window against the true one."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.depth_metrics import usable
from vantage3d.evaluation.point_clouds import NAMES, align_points, cloud_metrics, moved
from vantage3d.evaluation.windows.aligned import AlignedWindow
from vantage3d.evaluation.windows.contracts import (
    Floats,
    Record,
    WindowPrediction,
    WindowTruth,
    predicted_cameras,
)
from vantage3d.geometry import invert_rigid, unproject_pixels

MAX_POINTS = 60_000  # of a window; more are thinned out evenly
LOOKED_UP = 4  # every how many of them the nearest neighbour is looked up


class _Clouds(NamedTuple):
    """Corresponding points of one frame, or of all.

    Attributes:
        pred: (N, 3) in the predicted world.
        truth: (N, 3) metres.
        depth: (N,) true z-depths.
        asked: (N,) bool, whose nearest neighbours are looked up.
    """

    pred: Floats
    truth: Floats
    depth: Floats
    asked: NDArray[np.bool_]


def point_record(window: AlignedWindow) -> Record:
    """``points.*`` of a window, and ``count.points``.

    Every n-th valid pixel of a frame is taken, so that about :data:`MAX_POINTS` are
    left, and the nearest neighbour of every fourth is looked up among all of them. They
    are the same pixels of prediction and truth, so that a perfect prediction has
    distances of 0.
    """
    prediction, truth = window.prediction, window.truth
    record = {f"points.{name}": float("nan") for name in NAMES}
    if prediction.points is None and predicted_cameras(prediction, truth) is None:
        return record
    masks = [_known(prediction, truth, i) for i in range(len(truth.depth))]
    step = max(1, -(-sum(map(np.count_nonzero, masks)) // MAX_POINTS))
    parts = [_clouds(prediction, truth, i, masks[i], step) for i in window.order]
    clouds = _Clouds(*(np.concatenate(fields) for fields in zip(*parts)))
    record["count.points"] = float(len(clouds.truth))
    similarity = align_points(clouds.pred, clouds.truth, clouds.depth)
    if similarity is None:
        return record
    pred, asked = moved(similarity, clouds.pred), (clouds.asked, clouds.asked)
    limit = window.options.point_threshold_m
    found = cloud_metrics(pred, clouds.truth, limit, asked)
    return record | {f"points.{name}": value for name, value in found.items()}


def _known(
    prediction: WindowPrediction, truth: WindowTruth, i: int
) -> NDArray[np.bool_]:
    if prediction.points is None:
        return truth.valid[i] & usable(prediction.depth[i])
    return truth.valid[i] & np.isfinite(prediction.points[i]).all(axis=-1)


def _clouds(
    prediction: WindowPrediction,
    truth: WindowTruth,
    i: int,
    mask: NDArray[np.bool_],
    step: int,
) -> _Clouds:
    at = np.flatnonzero(mask)[::step]
    depth = truth.depth[i].ravel()[at].astype(np.float64)
    width = mask.shape[1]
    pixels = np.stack([at % width, at // width], axis=1).astype(np.float64)
    cam2world = invert_rigid(truth.world2cam[i].astype(np.float64))
    actual = unproject_pixels(pixels, depth, truth.K[i], cam2world)
    cameras = predicted_cameras(prediction, truth)
    if prediction.points is not None:
        pred = prediction.points[i].reshape(-1, 3)[at].astype(np.float64)
    else:
        assert cameras is not None
        K, world2cam = cameras[0][i], cameras[1][i].astype(np.float64)
        own = prediction.depth[i].ravel()[at].astype(np.float64)
        pred = unproject_pixels(pixels, own, K, invert_rigid(world2cam))
    asked = np.zeros(len(at), bool)
    asked[::LOOKED_UP] = True
    return _Clouds(pred, actual, depth, asked)
