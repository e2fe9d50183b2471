"""Depth of one image from several, judged as its papers do: in a range, in metres.

No scale is fitted, only true depth within a range counts, and predictions below a
millimetre are taken for one. The errors themselves are those of every other depth:
``measure_window`` computes them for the anchor as a window of one frame.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from vantage3d.checks import check_choice, check_finite
from vantage3d.evaluation.depth_metrics import Floats, Mask, usable
from vantage3d.evaluation.results.folder import (
    MeasuredWindow,
    Record,
    summarise,
    values,
)
from vantage3d.evaluation.results.windows import UNLABELLED, EvaluationWindow
from vantage3d.evaluation.windows.contracts import (
    MetricOptions,
    WindowPrediction,
    WindowTruth,
)
from vantage3d.evaluation.windows.measure import measure_window

PUBLISHED = ("abs_rel", "mae", "sq_rel", "delta1", "delta2", "delta3", "rmse",
             "rmse_log")  # fmt: skip
EIGHT = tuple(f"depth.full.{name}" for name in PUBLISHED)
SMALLEST = 1e-3  # metres, what smaller predictions are taken for
AGGREGATIONS = ("images", "legacy")
RATIO = "alignment.median_ratio"
OPTIONS = MetricOptions(align="none", building=(), groups=("depth",), min_pixels=1)
# Aggregates of exact sums may disagree by rounding.
ROUNDING = 1e-9


class DepthRange(NamedTuple):
    """True depth that is evaluated, metres, both ends included."""

    smallest: float = 0.5
    largest: float = 10.0

    def mask(self, truth: Floats) -> Mask:
        """(..., H, W) bool, where the truth is known and in range."""
        known = usable(truth)
        return known & (truth >= self.smallest) & (truth <= self.largest)


def anchor_record(pred: Floats, truth: Floats, limits: DepthRange) -> Record:
    """The numbers of one image.

    Args:
        pred: (H, W) z-depth in metres, finite where it is judged.
        truth: (H, W) z-depth in metres, 0 where missing.
        limits: What is evaluated, the same for all that is compared.

    Returns:
        ``depth.full.*`` and counts of :func:`measure_window`,
        ``count.clamped_pixels``, and ``alignment.median_ratio``, the median of g / p;
        all but the counts NaN if no pixel is evaluated.

    Raises:
        ValueError: If shapes disagree or the prediction is not finite.
    """
    valid = limits.mask(truth)
    window = WindowTruth.of_depth(truth[None], valid[None])
    safe = np.maximum(pred, SMALLEST)
    found = measure_window(WindowPrediction(safe[None]), window, OPTIONS).frames[0]
    judged = pred[valid]
    check_finite("pred", judged, fix="The network diverged: look at its training.")
    ratio = truth[valid].astype(np.float64) / safe[valid]
    return {
        **found,
        "count.clamped_pixels": float(np.sum(judged <= np.float32(SMALLEST))),
        RATIO: float(np.median(ratio)) if len(ratio) else math.nan,
    }


def summarise_anchors(
    batches: Sequence[Sequence[Record]], aggregation: str = "images"
) -> Record:
    """The numbers of a test set, checked.

    Args:
        batches: Of each batch what :func:`anchor_record` gave of its images.
        aggregation: "images", the mean over images with pixels; "legacy", as the
            published rows of DELTAS: sum over the images of a batch, one without pixels
            counting zero, over the batch's size; mean of batches.

    Returns:
        The numbers by key, ``alignment.median_ratio`` as a median over images.

    Raises:
        ValueError: If ``aggregation`` is unknown, no image has a pixel, or the numbers
            contradict each other.
    """
    check_choice("aggregation", aggregation, AGGREGATIONS)
    images = [record for batch in batches for record in batch]
    if not any(record["count.full.pixels"] for record in images):
        raise ValueError(
            f"none of {len(images)} images has true depth in range. Look at the depth "
            "files' unit and at the range of the evaluation"
        )
    # no intervals here: `write_anchors` has what they need
    windows = [EvaluationWindow("", "", (i,), UNLABELLED) for i in range(len(images))]
    statistics = summarise(windows, [MeasuredWindow("", [r]) for r in images])
    found = {**values(statistics), RATIO: statistics[RATIO]["median"]}
    if aggregation == "legacy":
        for key in EIGHT:
            sums = [math.fsum(r[key] for r in b if r["count.full.pixels"]) / len(b)
                    for b in batches]  # fmt: skip
            found[key] = math.fsum(sums) / len(batches)
    check_invariants(found)
    return found


def check_invariants(values: Mapping[str, float]) -> None:
    """Raise a ValueError unless the eight numbers can belong to one prediction.

    Published tables fail this: a row with delta1 > delta2 was not computed as it says.
    """
    for key in EIGHT:
        if not math.isfinite(values[key]):
            raise ValueError(
                f"`{key}` must be finite, got {values[key]}. No image was measured, "
                "or the numbers are not of depths"
            )
    first, second, third = (values[f"depth.full.delta{k}"] for k in (1, 2, 3))
    if not 0 <= first <= second + ROUNDING <= third + 2 * ROUNDING <= 1 + 3 * ROUNDING:
        raise ValueError(
            f"0 <= delta1 <= delta2 <= delta3 <= 1 must hold, got {first:.4f}, "
            f"{second:.4f}, {third:.4f}: a pixel within 1.25 is within 1.25^2. The "
            "numbers are not of one prediction"
        )
    mae, rmse = values["depth.full.mae"], values["depth.full.rmse"]
    if mae > rmse * (1 + ROUNDING) + ROUNDING:
        raise ValueError(
            f"mae <= rmse must hold, got {mae:.4f} > {rmse:.4f}: a mean is below its "
            "root mean square. The numbers are not of the same pixels"
        )


def scale_warning(median_ratio: float) -> str | None:
    """What is probably wrong where true depth is a known multiple of the predicted.

    Args:
        median_ratio: Median of g / p.

    Returns:
        A sentence, or None where nothing is suspicious.
    """
    for factor, cause in _KNOWN_FACTORS.items():
        for ratio, side in ((factor, "true"), (1 / factor, "predicted")):
            if abs(math.log(median_ratio / ratio)) < math.log(1.1):
                return (
                    f"{side} depth is {factor:g}x the other (median ratio "
                    f"{median_ratio:.3f}): if the network is trained, {cause}"
                )
    if not 0.5 < median_ratio < 2:
        return (
            f"median ratio of true to predicted depth is {median_ratio:.3f}: the unit "
            "of the depth files, the poses or the intrinsics are wrong, or the network "
            "was not trained"
        )
    return None


_KNOWN_FACTORS = {
    8.0: "SUN3D's depth was read without rotating its bits back",
    5.0: "depth in 1/5000 m (TUM) was read as millimetres",
    1000.0: "millimetres were taken for metres",
}
