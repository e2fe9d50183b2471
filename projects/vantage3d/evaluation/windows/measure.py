"""The numbers of a window of frames: every tool, hook, metric and report uses these.

What each number means is in ``metrics_table``. Errors of depth are those of all pixels
of known depth (``full``), of buildings, of what is no building, and of every class;
``depth_metrics`` computes them.
"""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.depth_alignment import ALIGNMENTS, DepthAlignment
from vantage3d.evaluation.depth_metrics import (
    DELTA,
    ERRORS,
    ErrorSums,
    sum_errors,
    usable,
)
from vantage3d.evaluation.results.folder import MeasuredWindow
from vantage3d.evaluation.windows.contracts import (
    UNKNOWN,
    AlignedWindow,
    Floats,
    FramePixels,
    MetricOptions,
    Record,
    WindowPrediction,
    WindowTruth,
    check_labels,
    check_window,
)
from vantage3d.evaluation.windows.geometry import (
    normal_records,
    photometric_record,
    planarity_records,
    point_record,
    pose_record,
)

TRIMMED = 0.05  # share of the worst pixels that `abs_rel_trimmed` leaves out
Ids = NDArray[np.integer[Any]]


def measure_window(
    prediction: WindowPrediction, truth: WindowTruth, options: MetricOptions
) -> MeasuredWindow:
    """Measure what ``options`` asks for.

    The order of the frames does not matter: pairs of neighbours, of which there are
    some in the photometric and pose metrics, are neighbours in time.

    Args:
        prediction: Answer of a network, in any unit and world.
        truth: Metres.
        options: Groups of metrics, alignment, buildings.

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
    aligned = AlignedWindow(prediction, truth, options)
    frames: list[Record] = [{} for _ in truth.depth]
    window: Record = {}
    for group in options.groups:
        if group in FRAME_GROUPS:
            for record, values in zip(frames, FRAME_GROUPS[group](aligned)):
                record |= values
        else:
            window |= WINDOW_GROUPS[group](aligned)
    # the keys of many windows are the same objects
    whole, *rows = ({sys.intern(k): v for k, v in r.items()} for r in (window, *frames))
    return MeasuredWindow("", rows, whole)


def depth_records(window: AlignedWindow) -> list[Record]:
    """Depth errors and counts of each frame.

    Returns:
        ``depth.full.*``, with labels ``depth.building.*``, ``depth.non_building.*`` and
        ``depth.class.NAME.*``; ``alignment.scale`` and ``.shift``; the counts
        ``count.REGION.pixels``, ``count.frames_without_depth``, and
        ``count.nan_pixels``: aligned predictions that are not finite or not positive.
    """
    fits = window.fits(window.options.align)
    return [
        _depth_record(frame, fit, window.options)
        for frame, fit in zip(window.frames, fits)
    ]


def _depth_record(
    frame: FramePixels, fit: DepthAlignment, options: MetricOptions
) -> Record:
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


def ablation_records(window: AlignedWindow) -> list[Record]:
    """``ablation.ALIGNMENT.REGION.abs_rel`` and ``.delta1`` of each frame.

    Every alignment is fitted as the one in use is: per window or per frame.
    """
    return [_ablation(window, i) for i in range(len(window.frames))]


def _ablation(window: AlignedWindow, i: int) -> Record:
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


FRAME_GROUPS: dict[str, Callable[[AlignedWindow], list[Record]]] = {
    "depth": depth_records,
    "ablation": ablation_records,
    "normals": normal_records,
    "planarity": planarity_records,
}
WINDOW_GROUPS: dict[str, Callable[[AlignedWindow], Record]] = {
    "photometric": photometric_record,
    "pose": pose_record,
    "points": point_record,
}
