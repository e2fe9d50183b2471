"""Depth errors of the frames of a window: all pixels, buildings, and every class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.depth_alignment import ALIGNMENTS, DepthAlignment
from vantage3d.evaluation.depth_error_sums import ERROR_NAMES, ErrorSums, sum_errors
from vantage3d.evaluation.depth_metrics import DELTA, usable
from vantage3d.evaluation.windows.aligned import UNKNOWN, AlignedWindow, FramePixels
from vantage3d.evaluation.windows.contracts import Floats, MetricOptions, Record

TRIMMED = 0.05  # share of the worst pixels that `abs_rel_trimmed` leaves out
Ids = NDArray[np.integer[Any]]


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


def _depth_record(
    frame: FramePixels, fit: DepthAlignment, options: MetricOptions
) -> Record:
    ids = np.array(sorted({UNKNOWN, *options.class_names, *options.building}))
    table = np.zeros(ids[-1] + 3, np.int64)  # other ids are unknown: row 0
    table[ids + 1] = np.arange(len(ids))
    rows = table[frame.labels.clip(UNKNOWN, ids[-1] + 1) + 1]
    pred = fit.scale * frame.pred + fit.shift
    sums, errors, good = sum_errors(pred, frame.truth, rows, len(ids))
    pixels, unusable = sums.counts()
    record: Record = {
        "alignment.scale": fit.scale,
        "alignment.shift": fit.shift,
        "count.nan_pixels": float(unusable),
        "count.frames_without_depth": float(pixels == 0),
    }
    for name, region in _regions(ids, options).items():
        least = options.min_pixels if name == "full" else options.min_building
        record[f"count.{name}.pixels"] = float(sums.pixels[region].sum())
        record |= _means(f"depth.{name}", sums, np.flatnonzero(region), least)
        if not np.isnan(record[f"depth.{name}.abs_rel"]):
            record |= _robust(f"depth.{name}", errors.abs_rel[region[rows[good]]])
    if options.building:
        record |= _classes(sums, ids, options)
    return record


def _regions(ids: Ids, options: MetricOptions) -> dict[str, NDArray[np.bool_]]:
    regions = {"full": np.ones(len(ids), bool)}
    if options.building:
        regions["building"] = np.isin(ids, options.building)
        regions["non_building"] = ~regions["building"] & (ids != UNKNOWN)
    return regions


def _classes(sums: ErrorSums, ids: Ids, options: MetricOptions) -> Record:
    record: Record = {}
    for row, number in enumerate(ids.tolist()):
        if number in options.class_names and sums.pixels[row]:
            name = f"class.{options.class_names[number]}"
            record[f"count.{name}.pixels"] = float(sums.pixels[row])
            record |= _means(f"depth.{name}", sums, [row], options.min_building)
    return record


def _means(name: str, sums: ErrorSums, rows: Any, least: int) -> Record:
    """Metrics of a region; NaN if it has too few pixels."""
    if sums.pixels[rows].sum() < least:
        return dict.fromkeys((f"{name}.{key}" for key in ERROR_NAMES), float("nan"))
    return {f"{name}.{key}": value for key, value in sums.metrics(rows).items()}


def _robust(name: str, abs_rel: Floats) -> Record:
    """Median of the relative errors, and their mean without the worst ones."""
    kept = max(1, round((1 - TRIMMED) * len(abs_rel)))
    middle = [(len(abs_rel) - 1) // 2, len(abs_rel) // 2]
    ordered = np.partition(abs_rel, sorted({*middle, kept - 1}))
    return {
        f"{name}.abs_rel_median": float(ordered[middle].mean()),
        f"{name}.abs_rel_trimmed": float(ordered[:kept].mean()),
    }
