"""The numbers of a window of frames: every tool, hook, metric and report uses these.

What each number means is in ``metrics_table``. Errors of depth are those of all pixels
of known depth (``full``), of buildings, of what is no building, and of every class;
``depth_metrics`` computes them. Normals and planes judge the depth alone: predicted and
true depth are seen through the true intrinsics. The photometric group, poses and points
judge the network's cameras too.
"""

import sys
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation import pose_metrics
from vantage3d.evaluation.depth_metrics import (
    ALIGNMENTS,
    DELTA,
    ERRORS,
    ErrorSums,
    sum_errors,
    usable,
)
from vantage3d.evaluation.photometric import View, agreement, agreement_statistics
from vantage3d.evaluation.planarity import planarity, plane_segments
from vantage3d.evaluation.point_clouds import (
    NAMES,
    align_points,
    cloud_metrics,
    distances_to,
)
from vantage3d.evaluation.results.folder import MeasuredWindow
from vantage3d.evaluation.surface_normals import (
    angle_statistics,
    surface_angles,
    true_surface,
)
from vantage3d.evaluation.windows.contracts import (
    UNKNOWN,
    AlignedWindow,
    Floats,
    MetricOptions,
    Record,
    WindowPrediction,
    WindowTruth,
    check_labels,
    check_window,
    predicted_cameras,
)
from vantage3d.geometry import invert_rigid, unproject_pixels
from vantage3d.geometry.similarity import stands_still

LENGTHS, ANGLES = ("ate_trans", "rpe_trans"), ("ate_rot_deg", "rpe_rot_deg")
AUC_DEG, ACCURACY_DEG = (3, 5, 15, 30), 15
SHARES = ("rra_15", "rta_15", *(f"auc_{degrees}" for degrees in AUC_DEG))
MAX_POINTS = 60_000  # of a window; more are thinned out evenly
LOOKED_UP = 4  # every how many of them the nearest neighbour is looked up
TRIMMED = 0.05  # share of the worst pixels that `abs_rel_trimmed` leaves out
Ids = NDArray[np.integer[Any]]


def measure_window(
    prediction: WindowPrediction,
    truth: WindowTruth,
    options: MetricOptions,
    known: dict[Any, Any] | None = None,
) -> MeasuredWindow:
    """Measure what ``options`` asks for.

    The order of the frames does not matter: pairs of neighbours, of which there are
    some in the photometric and pose metrics, are neighbours in time.

    Args:
        prediction: Answer of a network, in any unit and world.
        truth: Metres.
        options: Groups of metrics, alignment, buildings.
        known: Empty, for the first of several predictions of the window that are
            measured with the same options: what is of the truth alone is kept in it,
            and not made again for the next. The numbers are the same.

    Returns:
        Numbers by name, of every frame in the order given and of the window as a
        whole; NaN where something cannot be measured. Its id is empty.

    Raises:
        ValueError: If arrays do not fit, a true depth inside ``valid`` is not positive,
            or buildings shall be measured without semantics.
    """
    check_window(prediction, truth)
    where = f"the window of {truth.sequence!r} with frames {', '.join(truth.names)}"
    check_labels(options, truth.semantics is not None, where)
    aligned = AlignedWindow(prediction, truth, options, known)
    frames: list[Record] = [{} for _ in truth.depth]
    window: Record = {}
    for group in options.groups:
        if group in FRAME_GROUPS:
            for i, record in enumerate(frames):
                record |= FRAME_GROUPS[group](aligned, i)
        else:
            window |= WINDOW_GROUPS[group](aligned)
    # the keys of many windows are the same objects
    whole, *rows = ({sys.intern(k): v for k, v in r.items()} for r in (window, *frames))
    return MeasuredWindow("", rows, whole)


def depth_record(window: AlignedWindow, i: int) -> Record:
    """Depth errors and counts of a frame.

    Returns:
        ``depth.full.*``, with labels ``depth.building.*``, ``depth.non_building.*`` and
        ``depth.class.NAME.*``; ``alignment.scale`` and ``.shift``; the counts
        ``count.REGION.pixels``, ``count.frames_without_depth``, and
        ``count.nan_pixels``: aligned predictions that are not finite or not positive.
    """
    frame, options = window.frames[i], window.options
    fit = window.fits(options.align)[i]
    ids = np.array(sorted({UNKNOWN, *options.class_names, *options.building}))
    table = np.zeros(ids[-1] + 3, np.int64)  # other ids are unknown: row 0
    table[ids + 1] = np.arange(len(ids))
    rows = table[frame.labels.clip(UNKNOWN, ids[-1] + 1) + 1]
    pred = fit.scale * frame.pred + fit.shift
    sums, relative, good = sum_errors(pred, frame.truth, rows, len(ids))
    record: Record = {
        "alignment.scale": fit.scale,
        "alignment.shift": fit.shift,
        "count.nan_pixels": float(sums.unusable()),
        "count.frames_without_depth": float(len(frame.pred) == 0),
    }
    regions = {"full": np.ones(len(ids), bool)}
    if options.building:
        regions["building"] = np.isin(ids, options.building)
        regions["non_building"] = ~regions["building"] & (ids != UNKNOWN)
    for name, members in regions.items():
        least = options.min_pixels if name == "full" else options.min_building
        record |= _errors(name, sums, np.flatnonzero(members), least)
        if not np.isnan(record[f"depth.{name}.abs_rel"]):
            record |= _without_outliers(name, relative[members[rows[good]]])
    for row, number in enumerate(ids.tolist() if options.building else ()):
        if number in options.class_names and sums.pixels[row]:
            name = f"class.{options.class_names[number]}"
            record |= _errors(name, sums, np.array([row]), options.min_building)
    return record


def _errors(name: str, sums: ErrorSums, rows: Ids, least: int) -> Record:
    """Pixels and errors of a region; NaN if it has too few pixels."""
    pixels = float(sums.pixels[rows].sum())
    errors = dict.fromkeys(ERRORS, np.nan) if pixels < least else sums.metrics(rows)
    depth = {f"depth.{name}.{key}": value for key, value in errors.items()}
    return {f"count.{name}.pixels": pixels, **depth}


def _without_outliers(name: str, relative: Floats) -> Record:
    """Median of the relative errors, and their mean without the worst ones."""
    kept = max(1, round((1 - TRIMMED) * len(relative)))
    middle = [(len(relative) - 1) // 2, len(relative) // 2]
    ordered = np.partition(relative, sorted({*middle, kept - 1}))
    return {
        f"depth.{name}.abs_rel_median": float(ordered[middle].mean()),
        f"depth.{name}.abs_rel_trimmed": float(ordered[:kept].mean()),
    }


def ablation_record(window: AlignedWindow, i: int) -> Record:
    """``ablation.ALIGNMENT.REGION.abs_rel`` and ``.delta1`` of a frame.

    Every alignment is fitted as the one in use is: per window or per frame.
    """
    frame, options = window.frames[i], window.options
    ratio, inverse = frame.pred / frame.truth, 1 / frame.truth
    regions: dict[str, tuple[Any, bool]] = {
        "full": (slice(None), len(ratio) >= options.min_pixels)
    }
    if options.building:
        members = np.isin(frame.labels, options.building)
        enough = np.count_nonzero(members) >= options.min_building
        regions["building"] = members, enough
    record: Record = {}
    for align in ALIGNMENTS:
        fit = window.fits(align)[i]
        aligned = fit.scale * ratio + (fit.shift * inverse if fit.shift else 0.0)
        for region, (pixels, enough) in regions.items():
            values = _quick_errors(aligned[pixels]) if enough else (np.nan, np.nan)
            name = f"ablation.{align}.{region}"
            record[f"{name}.abs_rel"], record[f"{name}.delta1"] = values
    return record


def _quick_errors(ratio: Floats) -> tuple[float, float]:
    """AbsRel and delta1 of (N,) aligned predictions, divided by their truths."""
    close = float(np.mean((ratio < DELTA) & (ratio > 1 / DELTA)))
    good = usable(ratio)
    known = ratio if good.all() else ratio[good]
    return float(np.abs(known - 1).mean()) if len(known) else np.nan, close


def normal_error_map(window: AlignedWindow, frame: int) -> Floats:
    """(H, W) degrees between predicted and true surface, NaN where not measured."""
    truth, pred, K = window.truth, window.depth[frame], window.truth.K[frame]
    mask = truth.valid[frame] & usable(pred)
    make = partial(true_surface, truth.depth[frame], K, mask)
    whole = bool((mask == truth.valid[frame]).all())
    return surface_angles(pred, K, window.of_truth(("surface", frame), make, whole))


def normal_record(window: AlignedWindow, i: int) -> Record:
    """``normals.full.*`` and ``normals.building.*`` of a frame, and their pixels.

    A region with fewer measured pixels than the options ask for has NaN.
    """
    options, angles = window.options, normal_error_map(window, i)
    regions = {"full": (angles, options.min_pixels)}
    if options.building:
        regions["building"] = angles[window.buildings[i]], options.min_building
    record: Record = {}
    for name, (values, least) in regions.items():
        known = values[~np.isnan(values)]
        record[f"count.normals.{name}.pixels"] = float(len(known))
        statistics = angle_statistics(known if len(known) >= least else known[:0])
        record |= {f"normals.{name}.{key}": v for key, v in statistics.items()}
    return record


def planarity_record(window: AlignedWindow, i: int) -> Record:
    """``planarity.REGION.*`` of a frame, its pixels and its planes."""
    truth = window.truth
    instances = None if truth.instances is None else truth.instances[i]
    depth, K = truth.depth[i].astype(np.float64), truth.K[i]
    mask = window.judged[i] & truth.valid[i]
    make = partial(plane_segments, depth, K, mask, instances)
    segments = window.of_truth(("planes", i), make)
    found = planarity(window.depth[i], depth, K, segments)
    statistics = found.statistics()
    return {
        **{f"planarity.{window.region}.{key}": v for key, v in statistics.items()},
        "count.planarity.planes": float(segments.max() + 1),
        "count.planarity.pixels": float(len(found.residual)),
    }


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
    true = truth.K, truth.world2cam
    allowed = partial(_agreement, window, "photometric_truth", truth.depth, *true)
    return {
        **_agreement(window, "photometric", own, *cameras),
        **_agreement(window, "photometric_gt_pose", window.depth, *true),
        **window.of_truth("photometric_truth", allowed),
    }


def _agreement(
    window: AlignedWindow, name: str, depth: Floats, K: Floats, world2cam: Floats
) -> Record:
    """Statistics of each frame with the next, by some depth and cameras."""
    views = [View(*of) for of in zip(window.truth.images, depth, K, world2cam)]
    pairs = [
        agreement(views[i], views[j], window.judged[i])
        for i, j in pairwise(window.order)
    ]
    statistics = agreement_statistics(pairs, window.options.thresholds)
    record = {f"{name}.{window.region}.{k}": v for k, v in statistics.items()}
    measured = sum(len(pair.errors) for pair in pairs)
    return {**record, f"count.{name}.pixels": float(measured)}


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
    oriented = pose_metrics.align_orientations(pred, true)
    absolute = pose_metrics.absolute_pose_errors(oriented, true).rmse()[1]
    relative = pose_metrics.relative_pose_errors(pred, true).rmse()[1]
    pairs = pose_metrics.pair_angles(pred, true)
    shares = (
        pose_metrics.accuracy(pairs.rotation_deg, ACCURACY_DEG),
        pose_metrics.accuracy(pairs.direction_deg, ACCURACY_DEG),
        *(pose_metrics.pose_auc(pairs.worst(), degrees) for degrees in AUC_DEG),
    )
    values = dict(zip((*ANGLES, *SHARES), (absolute, relative, *shares)))
    if len(true) > 2 and not stands_still(true[:, :3, 3]):
        aligned = pose_metrics.align_poses(pred, true)
        absolute = pose_metrics.absolute_pose_errors(aligned, true).rmse()[0]
        relative = pose_metrics.relative_pose_errors(aligned, true).rmse()[0]
        values |= dict(zip(LENGTHS, (absolute, relative)))
    return record | {f"pose.{name}": value for name, value in values.items()}


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
    whole = bool((masks == truth.valid).all())
    make = partial(_true_cloud, truth, masks, window.order)
    true = window.of_truth("cloud", make, whole)
    parts = []
    for i, at, pixels in true.places:
        if own is not None:
            parts.append(own[i].reshape(-1, 3)[at].astype(np.float64))
        else:
            z = prediction.depth[i].ravel()[at].astype(np.float64)
            K, world2cam = (camera[i] for camera in cameras)
            cam2own = invert_rigid(world2cam.astype(np.float64))
            parts.append(unproject_pixels(pixels, z, K, cam2own))
    pred = np.concatenate(parts)
    record["count.points"] = float(len(pred))
    similarity = align_points(pred, true.points, true.depth)
    if similarity is None:
        return record
    distances = window.of_truth("distances", partial(distances_to, true.points), whole)
    limit, both = window.options.point_threshold_m, (true.asked, true.asked)
    moved = similarity.points(pred)
    found = cloud_metrics(moved, true.points, limit, both, distances)
    return record | {f"points.{name}": value for name, value in found.items()}


class _Cloud(NamedTuple):
    """True points of a window.

    Attributes:
        places: Of each frame its number, (n,) pixels in the flat image, and (n, 2).
        points: (N, 3) metres, of all frames one after the other.
        depth: (N,) their z-depths.
        asked: (N,) bool, those whose neighbours are looked up.
    """

    places: list[tuple[int, Ids, Floats]]
    points: Floats
    depth: Floats
    asked: NDArray[np.bool_]


def _true_cloud(
    truth: WindowTruth, masks: NDArray[np.bool_], order: list[int]
) -> _Cloud:
    """Points of the pixels of (V, H, W) masks, thinned out, frames in an order."""
    step = max(1, -(-np.count_nonzero(masks) // MAX_POINTS))
    places, parts = [], []
    for i in order:
        at = np.flatnonzero(masks[i])[::step]
        depth = truth.depth[i].ravel()[at].astype(np.float64)
        rows, columns = np.divmod(at, masks.shape[2])
        pixels = np.stack([columns, rows], axis=1).astype(np.float64)
        cam2world = invert_rigid(truth.world2cam[i].astype(np.float64))
        points = unproject_pixels(pixels, depth, truth.K[i], cam2world)
        places.append((i, at, pixels))
        parts.append((points, depth, np.arange(len(at)) % LOOKED_UP == 0))
    return _Cloud(places, *(np.concatenate(fields) for fields in zip(*parts)))


FRAME_GROUPS: dict[str, Callable[[AlignedWindow, int], Record]] = {
    "depth": depth_record,
    "ablation": ablation_record,
    "normals": normal_record,
    "planarity": planarity_record,
}
WINDOW_GROUPS: dict[str, Callable[[AlignedWindow], Record]] = {
    "photometric": photometric_record,
    "pose": pose_record,
    "points": point_record,
}
