"""Predicted and true instances of one unit, and how the first come onto the second."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_finite, check_shape
from vantage3d.evaluation.transfer import nearest_rows, smoothed, transferred
from vantage3d.inference.frames import PROPORTIONS
from vantage3d.views.transform import nearest

UNLIKE = 5.0  # times the size of another cloud of points, of which one has another unit
LEAST, MOST = -0.5, 1.5  # of scores: networks that regress an overlap leave 0..1 a bit
Points = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class PredictedInstances:
    """Instances of one unit; masks may overlap.

    Attributes:
        masks: (P, N) bool.
        scores: (P,) in or near 0..1, higher is surer.
        classes: (P,) ids of the class table as they stand in files; None where classes
            are not told apart.
        points: (N, 3) metres, where masks are over points of the prediction's own; None
            where they are over those of the truth.
        size: (h, w) where masks are over the pixels of an image, row by row.
        segments: (N,) parts that masks are made of, such as superpoints; None if not
            known.
    """

    masks: NDArray[np.bool_]
    scores: NDArray[np.float64]
    classes: NDArray[np.int64] | None = None
    points: Points | None = None
    size: tuple[int, ...] | None = None
    segments: NDArray[np.integer] | None = None

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            ValueError: If shapes disagree, or a score is no number near 0..1.
        """
        dims = check_shape("masks", self.masks, "P N")
        check_shape("scores", self.scores, "P", dims=dims)
        check_finite("scores", self.scores, fix="Mend what writes them")
        wrong = self.scores[(self.scores < LEAST) | (self.scores > MOST)]
        if len(wrong):
            raise ValueError(
                f"`scores` must lie in 0..1, or near it, got {wrong[0]:g}. Give "
                "probabilities, not logits or percent"
            )
        if self.classes is not None:
            check_shape("classes", self.classes, "P", dims=dims)
        if self.segments is not None:
            check_shape("segments", self.segments, "N", dims=dims)
        if self.points is not None:
            check_shape("points", self.points, "N 3", dims=dims)
            check_finite("points", self.points)


@dataclass(frozen=True, eq=False)
class TrueInstances:
    """Instances of one unit.

    Attributes:
        instances: (N,) ids, -1 for none.
        classes: (N,) ids of the class table as they stand in files, 0 for none; None
            where every instance counts.
        points: (N, 3) metres; None where files have none.
        segments: (N,) parts that masks are smoothed over, and trivial answers made of;
            None where files have none.
        size: (H, W) where the points are the pixels of an image, row by row.
    """

    instances: NDArray[np.int64]
    classes: NDArray[np.int64] | None = None
    points: Points | None = None
    segments: NDArray[np.integer] | None = None
    size: tuple[int, ...] | None = None

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            ValueError: If shapes disagree, or a point is not finite.
        """
        dims = check_shape("instances", self.instances, "N")
        for name in ("classes", "segments"):
            if getattr(self, name) is not None:
                check_shape(name, getattr(self, name), "N", dims=dims)
        if self.points is not None:
            check_shape("points", self.points, "N 3", dims=dims)
            check_finite("points", self.points)


def onto_truth(
    pred: PredictedInstances, truth: TrueInstances, limit: float | None, smooth: bool
) -> PredictedInstances:
    """The prediction over the points of the truth.

    A true point is in the masks of the predicted point nearest to it.

    Args:
        pred: Of the unit.
        truth: Of the unit.
        limit: Metres from which a predicted point is none; None where predictions must
            be over the points of the truth.
        smooth: Whether a segment of the truth is then in a mask whole, where most of
            its points are, or not at all.

    Raises:
        ValueError: If the numbers of points differ and nothing can be done about it.
    """
    n_true, n_pred = len(truth.instances), pred.masks.shape[1]
    if not len(pred.masks):
        return replace(pred, masks=np.zeros((0, n_true), bool), points=None)
    if pred.size is not None and truth.size is not None:
        return _at_size(pred, pred.size, truth.size)
    if pred.points is None:
        if n_pred != n_true:
            raise ValueError(
                f"masks are over {n_pred} points and the truth has {n_true}. Predict "
                "on the points of the truth, in their order, or write the `points` of "
                "the prediction beside its masks"
            )
        return pred
    if limit is None or truth.points is None:
        who = (
            "the truth has none" if truth.points is None else "the protocol takes none"
        )
        raise ValueError(
            f"the prediction has {n_pred} points of its own, and {who}, so masks "
            "cannot come onto those of the truth. Predict on the points of the truth"
            + (", or choose a protocol with `transfer`" if limit is None else "")
        )
    _check_one_world(pred.points, truth.points)
    rows = nearest_rows(pred.points, truth.points, limit)
    masks = transferred(pred.masks, rows, missing=False)
    if smooth and truth.segments is not None:
        masks = smoothed(masks, truth.segments)
    return replace(pred, masks=masks, points=None)


def _check_one_world(pred: Points, truth: Points) -> None:
    """Refuse other units and other worlds, where every nearest point is a wrong one."""
    ends = [np.quantile(p, (0.05, 0.95), axis=0) for p in (pred, truth)]
    sides = [float(np.linalg.norm(high - low)) for low, high in ends]
    ratio = sides[0] / sides[1] if sides[1] else 1.0
    if not 1 / UNLIKE < ratio < UNLIKE:
        raise ValueError(
            f"predicted points span {sides[0]:.3g} m and those of the truth "
            f"{sides[1]:.3g} m. Give both in metres, of one scan"
        )
    (low, high), (true_low, true_high) = ends
    if (np.maximum(low, true_low) > np.minimum(high, true_high)).any():
        raise ValueError(
            f"predicted points lie around {np.round(low + high, 2) / 2} and those of "
            f"the truth around {np.round(true_low + true_high, 2) / 2}: they do not "
            "stand in one world. Undo the alignment or the centring of one of them"
        )


def _at_size(
    pred: PredictedInstances, size: tuple[int, ...], wanted: tuple[int, ...]
) -> PredictedInstances:
    """Masks on the pixels of the truth: those of the nearest pixels."""
    check_same_view(size, wanted)
    (h, w), (H, W) = size, wanted
    place = nearest(np.arange(h * w).reshape(h, w), H, W).ravel()
    parts = None if pred.segments is None else pred.segments[place]
    return replace(pred, masks=pred.masks[:, place], segments=parts, size=wanted)


def check_same_view(size: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    """Refuse images of other proportions, (h, w) of a prediction and (H, W) of truth.

    Raises:
        ValueError: If one of them must be a crop.
    """
    (h, w), (H, W) = size, wanted
    if abs(w * H / (h * W) - 1) > PROPORTIONS:
        raise ValueError(
            f"the prediction is {w}x{h} and the truth {W}x{H}: they do not show the "
            "same view. Predict whole images, not crops"
        )
