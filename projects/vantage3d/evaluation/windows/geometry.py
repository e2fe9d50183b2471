"""Shape, consistency, cameras and points of a window.

Normals and planes judge the depth alone: predicted and true depth are seen through the
true intrinsics. The photometric group, poses and points judge the network's cameras
too.
"""

from itertools import pairwise

import numpy as np

from vantage3d.evaluation import pose_metrics
from vantage3d.evaluation.depth_metrics import usable
from vantage3d.evaluation.photometric import View, agreement, agreement_statistics
from vantage3d.evaluation.planarity import planarity, plane_segments
from vantage3d.evaluation.point_clouds import NAMES, align_points, cloud_metrics, moved
from vantage3d.evaluation.pose_metrics import stands_still
from vantage3d.evaluation.surface_normals import angle_statistics, normal_angles
from vantage3d.evaluation.windows.contracts import (
    AlignedWindow,
    Floats,
    Record,
    predicted_cameras,
)
from vantage3d.geometry import invert_rigid, unproject_pixels

LENGTHS, ANGLES = ("ate_trans", "rpe_trans"), ("ate_rot_deg", "rpe_rot_deg")
AUC_DEG, ACCURACY_DEG = (3, 5, 15, 30), 15
SHARES = ("rra_15", "rta_15", *(f"auc_{degrees}" for degrees in AUC_DEG))
MAX_POINTS = 60_000  # of a window; more are thinned out evenly
LOOKED_UP = 4  # every how many of them the nearest neighbour is looked up


def normal_error_map(window: AlignedWindow, frame: int) -> Floats:
    """(H, W) degrees between predicted and true surface, NaN where not measured."""
    truth = window.truth
    return normal_angles(
        window.depth[frame], truth.depth[frame], truth.K[frame], truth.valid[frame]
    )


def normal_records(window: AlignedWindow) -> list[Record]:
    """``normals.full.*`` and ``normals.building.*`` of each frame, and their pixels.

    A region with fewer measured pixels than the options ask for has NaN.
    """
    options = window.options
    least = {"full": options.min_pixels, "building": options.min_building}
    records: list[Record] = []
    for i, buildings in enumerate(window.buildings):
        angles = normal_error_map(window, i)
        regions = {"full": angles}
        if options.building:
            regions["building"] = angles[buildings]
        record: Record = {}
        for name, values in regions.items():
            known = values[~np.isnan(values)]
            record[f"count.normals.{name}.pixels"] = float(len(known))
            enough = known if len(known) >= least[name] else known[:0]
            statistics = angle_statistics(enough)
            record |= {f"normals.{name}.{key}": v for key, v in statistics.items()}
        records.append(record)
    return records


def planarity_records(window: AlignedWindow) -> list[Record]:
    """``planarity.REGION.*`` of each frame, its pixels and its planes."""
    truth, region = window.truth, window.region
    records: list[Record] = []
    for i, pred in enumerate(window.depth):
        instances = None if truth.instances is None else truth.instances[i]
        depth, K = truth.depth[i].astype(np.float64), truth.K[i]
        mask = window.judged[i] & truth.valid[i]
        segments = plane_segments(depth, K, mask, instances)
        found = planarity(pred, depth, K, segments)
        record = {
            f"planarity.{region}.{key}": value
            for key, value in found.statistics().items()
        }
        record["count.planarity.planes"] = float(segments.max() + 1)
        record["count.planarity.pixels"] = float(len(found.residual))
        records.append(record)
    return records


def photometric_record(window: AlignedWindow) -> Record:
    """Photometric consistency of each frame with the next.

    ``photometric.REGION.*`` is the network's own depth with its own cameras, both in
    its own unit: no alignment can make them disagree. ``photometric_gt_pose.REGION.*``
    is the aligned depth with the true cameras. ``photometric_truth.REGION.*`` is the
    true depth with the true cameras: what the images allow, reached by a perfect
    prediction.
    """
    truth, own = window.truth, window.prediction.depth
    cameras = predicted_cameras(window.prediction, truth)
    if cameras is None:  # a curve of no pixel
        cameras, own = (truth.K, truth.world2cam), np.full_like(window.depth, np.nan)
    record: Record = {}
    for name, *source in (
        ("photometric", own, *cameras),
        ("photometric_gt_pose", window.depth, truth.K, truth.world2cam),
        ("photometric_truth", truth.depth, truth.K, truth.world2cam),
    ):
        views = [View(*fields) for fields in zip(truth.images, *source)]
        pairs = [
            agreement(views[i], views[j], window.judged[i])
            for i, j in pairwise(window.order)
        ]
        statistics = agreement_statistics(pairs, window.options.thresholds)
        record |= {f"{name}.{window.region}.{k}": v for k, v in statistics.items()}
        measured = sum(len(pair.errors) for pair in pairs)
        record[f"count.{name}.pixels"] = float(measured)
    return record


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
    values = _pose_angles(pred, true)
    if len(true) > 2 and not stands_still(true[:, :3, 3]):
        aligned = pose_metrics.align_poses(pred, true)
        absolute = pose_metrics.absolute_pose_errors(aligned, true).rmse()[0]
        relative = pose_metrics.relative_pose_errors(aligned, true).rmse()[0]
        values |= dict(zip(LENGTHS, (absolute, relative)))
    return record | {f"pose.{name}": value for name, value in values.items()}


def _pose_angles(pred: Floats, true: Floats) -> Record:
    oriented = pose_metrics.align_orientations(pred, true)
    absolute = pose_metrics.absolute_pose_errors(oriented, true).rmse()[1]
    relative = pose_metrics.relative_pose_errors(pred, true).rmse()[1]
    pairs = pose_metrics.pair_angles(pred, true)
    shares = (
        pose_metrics.accuracy(pairs.rotation_deg, ACCURACY_DEG),
        pose_metrics.accuracy(pairs.direction_deg, ACCURACY_DEG),
        *(pose_metrics.pose_auc(pairs.worst(), degrees) for degrees in AUC_DEG),
    )
    return dict(zip((*ANGLES, *SHARES), (absolute, relative, *shares)))


def point_record(window: AlignedWindow) -> Record:
    """``points.*``, the point map of a window against the true one; ``count.points``.

    Every n-th valid pixel of a frame is taken, so that about :data:`MAX_POINTS` are
    left, and the nearest neighbour of every fourth is looked up among all of them. They
    are the same pixels of prediction and truth, so that a perfect prediction has
    distances of 0.
    """
    prediction, truth = window.prediction, window.truth
    record = {f"points.{name}": float("nan") for name in NAMES}
    own, cameras = prediction.points, predicted_cameras(prediction, truth)
    if own is None and cameras is None:
        return record
    known = usable(prediction.depth) if own is None else np.isfinite(own).all(axis=-1)
    masks = truth.valid & known
    step = max(1, -(-np.count_nonzero(masks) // MAX_POINTS))
    parts = []
    for i in window.order:
        at = np.flatnonzero(masks[i])[::step]
        depth = truth.depth[i].ravel()[at].astype(np.float64)
        rows, columns = np.divmod(at, masks.shape[2])
        pixels = np.stack([columns, rows], axis=1).astype(np.float64)
        cam2world = invert_rigid(truth.world2cam[i].astype(np.float64))
        actual = unproject_pixels(pixels, depth, truth.K[i], cam2world)
        if own is not None:
            pred = own[i].reshape(-1, 3)[at].astype(np.float64)
        else:
            z = prediction.depth[i].ravel()[at].astype(np.float64)
            K, world2cam = (camera[i] for camera in cameras)
            cam2own = invert_rigid(world2cam.astype(np.float64))
            pred = unproject_pixels(pixels, z, K, cam2own)
        asked = np.arange(len(at)) % LOOKED_UP == 0
        parts.append((pred, actual, depth, asked))
    pred, actual, depth, asked = (np.concatenate(fields) for fields in zip(*parts))
    record["count.points"] = float(len(actual))
    similarity = align_points(pred, actual, depth)
    if similarity is None:
        return record
    limit, both = window.options.point_threshold_m, (asked, asked)
    found = cloud_metrics(moved(similarity, pred), actual, limit, both)
    return record | {f"points.{name}": value for name, value in found.items()}
