"""Errors of depth maps under a protocol."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_choice
from vantage3d.evaluation.depth_metrics import (
    ALIGNMENTS,
    ERRORS,
    Floats,
    depth_errors,
    usable,
)
from vantage3d.evaluation.intervals import cluster_of
from vantage3d.evaluation.metrics_table import find
from vantage3d.referee.depth import made_up
from vantage3d.referee.depth.readers import FRAMES, READERS, WINDOWS, DepthMaps
from vantage3d.referee.task import MODEL, Arrays, Broken, Figures, Task

CONSTANT, ROWS = "the true median everywhere", "the true median of each row"
FULL, WITHIN, COVERAGE = "depth.full", "depth.full.within.", "depth.full.coverage"
# Shares of height and width where Garg et al. begin and end their crop.
GARG = (0.40810811, 0.99189189), (0.03594771, 0.96405229)
NEAREST, NO_PART = "nearest", "no part"


@dataclass(frozen=True)
class DepthRules:
    """The choices of a protocol of depth; its files say what each means."""

    unit: str
    figures: list[str]
    range_m: list[float]
    size: list[int]
    resize: str
    crop: str
    alignment: str
    clamp_m: list[float]
    missing: str
    averaging: str

    def __post_init__(self) -> None:
        check_choice("unit", self.unit, [FRAMES, WINDOWS])
        check_choice("resize", self.resize, ["nearest", "bilinear"])
        check_choice("crop", self.crop, ["none", "garg"])
        check_choice("alignment", self.alignment, ALIGNMENTS)
        check_choice("missing", self.missing, [NEAREST, NO_PART])
        check_choice("averaging", self.averaging, ["images"])
        for name in ("range_m", "clamp_m"):
            value = getattr(self, name)
            if len(value) != 2 or not 0 < value[0] < value[1]:
                raise ValueError(f"`{name}` must be [near, far] metres, got {value}")
        if self.size and (len(self.size) != 2 or min(self.size) < 1):
            raise ValueError(f"`size` must be [H, W], or [] for the truth's, got "
                             f"{self.size}")  # fmt: skip
        for key in self.figures:
            find(key)


class DepthTask(Task[DepthMaps, DepthMaps]):
    """Errors of depth over the pixels of a frame, then over frames."""

    name = "depth"
    readers = READERS
    truth_readers = READERS
    Rules = DepthRules

    @property
    def unit(self) -> str:
        return self.rules.unit

    def measure(
        self, name: str, pred: DepthMaps, truth: DepthMaps
    ) -> dict[str, Arrays]:
        """Errors of each frame by answer.

        Raises:
            ValueError: If the frames or their pictures differ, or lengths are of no
                known unit where nothing is fitted.
        """
        if len(pred.depth) != len(truth.depth) or (
            pred.names and truth.names and len(truth.names) > 1
            and pred.names != truth.names
        ):  # fmt: skip
            raise ValueError(
                f"the prediction has {len(pred.depth)} frames "
                f"{list(pred.names[:3])}, the truth {len(truth.depth)} "
                f"{list(truth.names[:3])}: expected the same"
            )
        if not pred.metric and self.rules.alignment == "none":
            raise ValueError(
                "lengths of the prediction are in the network's unit, as its file "
                "says, and the protocol judges metres. Choose one with an alignment"
            )
        size = tuple(self.rules.size) or truth.depth.shape[1:]
        true = np.stack([resized(one, size, "nearest") for one in truth.depth])
        own = np.stack([resized(one, size, self.rules.resize) for one in pred.depth])
        valid = self.judged(true)
        known = true[valid] if valid.any() else np.ones(1)
        answers = {
            MODEL: own,
            CONSTANT: np.broadcast_to(np.median(known), true.shape),
            ROWS: row_medians(true, valid),
        }
        return {answer: self.errors(p, true, valid) for answer, p in answers.items()}

    def judged(self, truth: Floats) -> NDArray[np.bool_]:
        """(V, H, W) pixels that count: of known depth, in range, in the crop."""
        near, far = self.rules.range_m
        valid = usable(truth) & (truth >= near) & (truth <= far)
        if self.rules.crop == "garg":
            inside = np.zeros_like(valid)
            (top, bottom), (left, right) = (
                tuple(int(share * length) for share in ends)
                for ends, length in zip(GARG, valid.shape[1:])
            )
            inside[:, top:bottom, left:right] = True
            valid &= inside
        return valid

    def errors(self, pred: Floats, truth: Floats, valid: NDArray[np.bool_]) -> Arrays:
        """``values`` (V, K) of all figures, ``pixels`` (V,), ``left_out`` of them."""
        given = usable(pred)
        fitted = valid & given
        if fitted.any():
            align = ALIGNMENTS[self.rules.alignment]
            pred = align(*(a[fitted].astype(np.float64) for a in (pred, truth)))(pred)
        near, far = self.rules.clamp_m
        clamped = np.clip(np.where(given, pred, near), near, far)
        if self.rules.missing == NO_PART:
            clamped = np.where(given, clamped, np.nan)
        rows = []
        for p, g, mask, known in zip(clamped, truth, valid, given):
            found = {f"{FULL}.{k}": v for k, v in depth_errors(p, g, mask).items()}
            found[COVERAGE] = float(np.mean(known[mask])) if mask.any() else np.nan
            ratio = np.maximum(p[mask] / g[mask], g[mask] / p[mask])
            for key in self.rules.figures:
                if key.startswith(WITHIN):
                    close = ratio < float(key.removeprefix(WITHIN))
                    found[key] = float(close.mean()) if mask.any() else np.nan
            rows.append([found[key] for key in self.keys])
        return {
            "values": np.array(rows),
            "pixels": valid.sum(axis=(1, 2)),
            "left_out": (valid & ~given).sum(axis=(1, 2)),
        }

    @property
    def keys(self) -> list[str]:
        """Everything that is measured, the headline first."""
        others = [*(f"{FULL}.{name}" for name in ERRORS), COVERAGE]
        return list(dict.fromkeys([*self.headline, *others]))

    def figures(self, units: Sequence[Arrays]) -> Figures:
        values = np.concatenate([unit["values"] for unit in units])
        known = ~np.isnan(values)
        totals = np.where(known, values, 0).sum(axis=0)
        counts = known.sum(axis=0)
        means = np.divide(
            totals, counts, out=np.full(len(totals), np.nan), where=counts > 0
        )
        return dict(zip(self.keys, means.tolist()))

    def counts(self, units: Sequence[Arrays]) -> dict[str, int]:
        pixels = np.concatenate([unit["pixels"] for unit in units])
        return {
            "pixels": int(pixels.sum()),
            "of them not predicted": int(sum(unit["left_out"].sum() for unit in units)),
            "frames with a judged pixel": int((pixels > 0).sum()),
        }

    def nothing(self, truth: DepthMaps) -> DepthMaps:
        return truth._replace(depth=np.zeros_like(truth.depth))

    def cluster(self, name: str) -> str:
        """The scene: of ``scene0707_00/000010`` and ``scene0707_00_000010`` alike.

        Files of one folder that differ in a number are of one recording.
        """
        return cluster_of(name if "/" in name else re.sub(r"[-_.]?\d+$", "", name))

    def made_up(self) -> dict[str, DepthMaps]:
        return made_up.units(self.rules)

    def perfect(self, truth: DepthMaps) -> DepthMaps:
        return truth

    def broken(self) -> dict[str, Broken]:
        return made_up.broken(self.rules.alignment == "none")


def resized(depth: Floats, size: Sequence[int], how: str) -> Floats:
    """(H, W) depth at another size; bilinear only where nothing is missing.

    Raises:
        ValueError: If the aspect is another: it would show another picture.
    """
    (h, w), (H, W) = depth.shape, size
    if (h, w) == (H, W):
        return depth
    if abs(h * W / (w * H) - 1) > ASPECT:
        raise ValueError(
            f"depth is {w}x{h} and judged at {W}x{H}: another picture. Give depth of "
            "the whole image that the truth shows"
        )
    near, smooth = (
        np.asarray(cv2.resize(depth, (W, H), interpolation=method), depth.dtype)
        for method in (cv2.INTER_NEAREST_EXACT, cv2.INTER_LINEAR)
    )
    if how == "nearest":
        return near
    holes = (depth <= 0).astype(np.float32)
    return np.asarray(np.where(cv2.resize(holes, (W, H)) > 0, near, smooth))


ASPECT = 0.02  # relative; 1296x968 and 640x480 of ScanNet differ by 0.4 %


def row_medians(truth: Floats, valid: NDArray[np.bool_]) -> Floats:
    """(V, H, W) median of the judged pixels of each row, of all where it has none."""
    ordered = np.sort(np.where(valid, truth.astype(np.float64), np.inf), axis=2)
    count = valid.sum(axis=2, keepdims=True)
    ends = [np.maximum(count - 1, 0) // 2, np.minimum(count // 2, valid.shape[2] - 1)]
    middle = sum(np.take_along_axis(ordered, end, axis=2) for end in ends) / 2
    whole = np.median(truth[valid]) if valid.any() else 1.0
    return np.broadcast_to(np.where(count > 0, middle, whole), truth.shape)
