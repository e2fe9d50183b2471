"""A window whose depth is aligned: what every group of metrics starts from."""

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.depth_alignment import DepthAlignment, fit_pairs
from vantage3d.evaluation.depth_metrics import masked_pairs, usable
from vantage3d.evaluation.windows.contracts import (
    Floats,
    MetricOptions,
    WindowPrediction,
    WindowTruth,
    natural_order,
)

UNKNOWN = -1
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


class AlignedWindow:
    """A prediction beside its truth, aligned by the valid pixels.

    Args:
        prediction: Answer of a network.
        truth: Metres.
        options: Alignment and buildings.

    Raises:
        ValueError: If a true depth inside ``valid`` is not positive.
    """

    def __init__(
        self, prediction: WindowPrediction, truth: WindowTruth, options: MetricOptions
    ) -> None:
        self.prediction, self.truth, self.options = prediction, truth, options
        self.frames = [self._pixels(i) for i in range(len(truth.depth))]
        pairs = [(f.pred, f.truth, usable(f.pred)) for f in self.frames]
        self._fitting = [
            (p, g) if good.all() else (p[good], g[good]) for p, g, good in pairs
        ]
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
            self._fits[align] = self._fit(align)
        return self._fits[align]

    def _fit(self, align: str) -> list[DepthAlignment]:
        if self.options.per == "frame":
            return [_fit(p, g, align) for p, g in self._fitting]
        p, g = self._joined
        return [_fit(p, g, align)] * len(self.frames)

    @cached_property
    def _joined(self) -> tuple[Floats, Floats]:
        preds, truths = zip(*self._fitting)
        return np.concatenate(preds), np.concatenate(truths)

    def _pixels(self, i: int) -> FramePixels:
        valid = self.truth.valid[i]
        p, g = masked_pairs(self.prediction.depth[i], self.truth.depth[i], valid)
        labels = np.full(len(p), UNKNOWN)
        if self.truth.semantics is not None:
            labels = self.truth.semantics[i][valid].astype(np.int64)
        return FramePixels(p, g, labels)


def _fit(p: Floats, g: Floats, align: str) -> DepthAlignment:
    if not len(p) and align != "none":
        return NOWHERE
    return fit_pairs(p, g, align)
