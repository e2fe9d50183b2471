"""A window whose depth is aligned: what every group of metrics starts from."""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.depth_alignment import ALIGNMENTS, DepthAlignment
from vantage3d.evaluation.depth_metrics import masked_pairs, usable
from vantage3d.evaluation.windows.contracts import (
    UNKNOWN,
    Floats,
    MetricOptions,
    WindowPrediction,
    WindowTruth,
    natural_order,
)

NOWHERE = DepthAlignment(float("nan"))
Ids = NDArray[np.integer[Any]]


class FramePixels(NamedTuple):
    """Valid pixels of a frame.

    Attributes:
        pred: (N,) float64 predictions in the network's unit.
        truth: (N,) float64 metres.
        labels: (N,) class ids, -1 = unknown.
    """

    pred: Floats
    truth: Floats
    labels: Ids


class AlignedWindow:
    """A prediction beside its truth, aligned by the valid pixels.

    Args:
        prediction: Answer of a network.
        truth: True depth and cameras, metres.
        options: Alignment and buildings.

    Raises:
        ValueError: If a true depth inside ``valid`` is not positive.
    """

    def __init__(
        self, prediction: WindowPrediction, truth: WindowTruth, options: MetricOptions
    ) -> None:
        self.prediction, self.truth, self.options = prediction, truth, options
        self.frames = [self._pixels(i) for i in range(len(truth.depth))]
        self._fits: dict[str, list[DepthAlignment]] = {}

    @property
    def region(self) -> str:
        """What geometry is judged on: buildings, or without labels everything."""
        return "building" if self.options.building else "full"

    @cached_property
    def buildings(self) -> NDArray[np.bool_]:
        """(V, H, W) pixels of buildings, with known depth or not; nowhere without."""
        if self.truth.semantics is None:
            return np.zeros(self.truth.valid.shape, bool)
        return np.isin(self.truth.semantics, self.options.building)

    @cached_property
    def judged(self) -> NDArray[np.bool_]:
        """(V, H, W) pixels of :attr:`region`; without labels those of known depth."""
        return self.buildings if self.options.building else self.truth.valid

    @property
    def order(self) -> list[int]:
        """The frames in the order of time, by their names."""
        names = self.truth.names
        return natural_order(names) if names else list(range(len(self.frames)))

    @cached_property
    def depth(self) -> Floats:
        """(V, H, W) aligned predictions, float64 metres; NaN where nothing fits."""
        fits = self.fits(self.options.align)
        return np.stack([fit(p) for fit, p in zip(fits, self.prediction.depth)])

    def fits(self, align: str) -> list[DepthAlignment]:
        """Alignment of each frame, the same for all where ``per`` is "window".

        A frame or window without a pixel to fit gets NaN, unless nothing is fitted.
        """
        if align not in self._fits:
            parts = self._fitting
            if self.options.per == "window":
                preds, truths = zip(*parts)
                parts = [(np.concatenate(preds), np.concatenate(truths))]
            found = [
                ALIGNMENTS[align](p, g) if len(p) or align == "none" else NOWHERE
                for p, g in parts
            ]
            self._fits[align] = found * (len(self.frames) // len(found))
        return self._fits[align]

    @cached_property
    def _fitting(self) -> list[tuple[Floats, Floats]]:
        """Usable predictions and truths of each frame."""
        goods = [usable(frame.pred) for frame in self.frames]
        return [
            (f.pred, f.truth) if good.all() else (f.pred[good], f.truth[good])
            for f, good in zip(self.frames, goods)
        ]

    def _pixels(self, i: int) -> FramePixels:
        valid = self.truth.valid[i]
        p, g = masked_pairs(self.prediction.depth[i], self.truth.depth[i], valid)
        labels = np.full(len(p), UNKNOWN)
        if self.truth.semantics is not None:
            labels = self.truth.semantics[i][valid].astype(np.int64)
        return FramePixels(p, g, labels)
