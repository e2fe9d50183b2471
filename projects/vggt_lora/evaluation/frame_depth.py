"""Depth errors of the frames of a window: all pixels, buildings, and every class."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from projects.common.evaluation.depth_alignment import DepthAlignment, fit_pairs
from projects.common.evaluation.depth_error_sums import (
    ERROR_NAMES,
    ErrorSums,
    PixelErrors,
    sum_errors,
)
from projects.common.evaluation.depth_metrics import masked_pairs, usable
from projects.vggt_lora.evaluation.window_data import (
    Floats,
    MetricOptions,
    Record,
    WindowPrediction,
    WindowTruth,
)

TRIMMED = 0.05  # share of the worst pixels that `abs_rel_trimmed` leaves out
NOWHERE = DepthAlignment(float("nan"))


class FramePixels(NamedTuple):
    """Valid pixels of a frame.

    Attributes:
        pred: (N,) float64 predictions in the network's unit.
        truth: (N,) float64 metres.
        labels: (N,) class ids, -1 = unknown.
    """

    pred: Floats
    truth: Floats
    labels: NDArray[np.integer[Any]]

    def fitting(self) -> tuple[Floats, Floats]:
        """Predictions and truths that an alignment may be fitted to."""
        good = usable(self.pred)
        return self.pred[good], self.truth[good]


def frame_pixels(
    prediction: WindowPrediction, truth: WindowTruth
) -> list[FramePixels]:
    """The valid pixels of every frame.

    Raises:
        ValueError: If a true depth inside ``valid`` is not positive.
    """
    frames = []
    for i, valid in enumerate(truth.valid):
        p, g = masked_pairs(prediction.depth[i], truth.depth[i], valid)
        labels = np.full(len(p), -1)
        if truth.semantics is not None:
            labels = truth.semantics[i][valid].astype(np.int64)
        frames.append(FramePixels(p, g, labels))
    return frames


def fit_frames(frames: list[FramePixels], align: str, per: str) -> list[DepthAlignment]:
    """Alignment of each frame, the same for all where ``per`` is "window".

    A frame or window without a pixel to fit gets NaN, unless nothing is fitted.
    """
    pairs = [frame.fitting() for frame in frames]
    if per == "window":
        p, g = (np.concatenate(values) for values in zip(*pairs))
        return [_fit(p, g, align)] * len(frames)
    return [_fit(p, g, align) for p, g in pairs]


def _fit(p: Floats, g: Floats, align: str) -> DepthAlignment:
    if not len(p) and align != "none":
        return NOWHERE
    return fit_pairs(p, g, align)


def depth_record(
    frame: FramePixels, fit: DepthAlignment, options: MetricOptions
) -> Record:
    """Depth errors and counts of a frame.

    Returns:
        ``depth.full.*``, with labels ``depth.building.*``, ``depth.non_building.*`` and
        ``depth.class.NAME.*``, and ``count.*``.
    """
    pred = fit.scale * frame.pred + fit.shift
    ids = np.array(sorted({-1, *options.class_names, *options.building}))
    rows = np.searchsorted(ids, frame.labels).clip(max=len(ids) - 1)
    rows = np.where(ids[rows] == frame.labels, rows, 0)  # other ids are unknown
    sums, errors, good = sum_errors(pred, frame.truth, rows, len(ids))
    unusable = int(np.count_nonzero(~usable(frame.pred)))
    record: Record = {"count.nan_pixels": float(unusable)}
    is_building = np.isin(ids, options.building)
    regions = {"full": np.ones(len(ids), bool)}
    if options.building:
        regions["building"] = is_building
        regions["non_building"] = ~is_building & (ids >= 0)
    for name, region in regions.items():
        least = options.min_pixels if name == "full" else options.min_building
        members = region[rows[good]]
        record |= _region(f"depth.{name}", sums, np.flatnonzero(region), least)
        record |= _robust(f"depth.{name}", record, errors, members)
        record[f"count.{name}.pixels"] = float(sums.pixels[region].sum())
    if options.building:
        record |= _classes(sums, ids, options)
    return record


def _classes(
    sums: ErrorSums, ids: NDArray[np.integer[Any]], options: MetricOptions
) -> Record:
    record: Record = {}
    for row, number in enumerate(ids):
        if number in options.class_names and sums.pixels[row]:
            name = f"depth.class.{options.class_names[number]}"
            record |= _region(name, sums, [row], options.min_building)
            record[f"count.class.{name[12:]}.pixels"] = float(sums.pixels[row])
    return record


def _region(name: str, sums: ErrorSums, rows: Any, least: int) -> Record:
    enough = sums.pixels[rows].sum() >= least
    values = sums.metrics(rows) if enough else dict.fromkeys(ERROR_NAMES, np.nan)
    return {f"{name}.{key}": value for key, value in values.items()}


def _robust(
    name: str, record: Record, errors: PixelErrors, members: NDArray[np.bool_]
) -> Record:
    """Median and trimmed mean of a region's relative errors."""
    values = errors.abs_rel[members]
    if np.isnan(record[f"{name}.abs_rel"]) or not len(values):
        return {f"{name}.abs_rel_{key}": np.nan for key in ("median", "trimmed")}
    kept = max(1, round((1 - TRIMMED) * len(values)))
    middle = (len(values) - 1) // 2, len(values) // 2
    ordered = np.partition(values, sorted({*middle, kept - 1}))
    return {
        f"{name}.abs_rel_median": float(ordered[list(middle)].mean()),
        f"{name}.abs_rel_trimmed": float(ordered[:kept].mean()),
    }
