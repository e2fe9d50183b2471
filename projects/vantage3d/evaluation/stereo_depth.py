"""The eight numbers of depth from multiple views, as its papers print them.

p is the predicted depth, g the true one, both metres, over the pixels of an image with
true depth in range:

    abs_rel  mean |p - g| / g          rmse      sqrt mean (p - g)^2
    abs_diff mean |p - g|              rmse_log  sqrt mean (ln p - ln g)^2
    sq_rel   mean (p - g)^2 / g        a1 a2 a3  share with max(p/g, g/p) < 1.25^k

No scale is fitted. Only what takes a logarithm or a ratio needs p > 0: for those alone
predictions are clamped, and how many were is counted.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from vantage3d.checks import check_choice, check_finite
from vantage3d.evaluation.depth_metrics import (
    Floats,
    Mask,
    difference_errors,
    masked_pairs,
    ratio_errors,
    usable,
)

EIGHT = ("abs_rel", "abs_diff", "sq_rel", "a1", "a2", "a3", "rmse", "rmse_log")
COUNTS = ("pixels", "clamped")
SMALLEST = 1e-3
_SMALLEST_32 = float(np.float32(SMALLEST))  # what a float32 clamp leaves
AGGREGATIONS = ("images", "pixels", "legacy")
Values = dict[str, float]
# Aggregates of exact sums may disagree by rounding.
ROUNDING = 1e-9


class DepthRange(NamedTuple):
    """True depth that is evaluated, metres.

    Attributes:
        smallest: Included.
        largest: Included; predictions are clamped to it for ratios.
    """

    smallest: float = 0.5
    largest: float = 10.0

    def mask(self, truth: Floats) -> Mask:
        """(..., H, W) bool, where the truth is known and in range."""
        known = usable(truth)
        return known & (truth >= self.smallest) & (truth <= self.largest)


def eight_metrics(pred: Floats, truth: Floats, limits: DepthRange) -> Values:
    """The eight numbers of one image.

    Args:
        pred: (H, W) z-depth in metres, finite; may be negative.
        truth: (H, W) z-depth in metres, 0 where missing.
        limits: What is evaluated, the same for all that is compared.

    Returns:
        The numbers, ``pixels`` and ``clamped`` (of them), and ``median_ratio``, the
        median of g / p; all but the counts NaN if no pixel is evaluated.

    Raises:
        ValueError: If shapes disagree, the prediction is not finite, or the numbers
            contradict each other.
    """
    p, g = masked_pairs(pred, truth, limits.mask(truth))
    check_finite("pred", p, fix="The network diverged: look at its training.")
    if not len(p):
        empty = dict.fromkeys((*EIGHT, "median_ratio"), math.nan)
        return {**empty, "pixels": 0.0, "clamped": 0.0}
    safe = np.clip(p, SMALLEST, limits.largest)
    difference, ratio = difference_errors(p, g), ratio_errors(safe, g)
    values = {
        "abs_rel": difference["AbsRel"],
        "abs_diff": difference["MAE"],
        "sq_rel": difference["SqRel"],
        **{f"a{k}": ratio[f"delta{k}"] for k in (1, 2, 3)},
        "rmse": difference["RMSE"],
        "rmse_log": ratio["RMSElog"],
    }
    check_invariants(values)
    return {
        **values,
        "pixels": float(len(p)),
        "clamped": float(np.sum((p <= _SMALLEST_32) | (p > limits.largest))),
        "median_ratio": float(np.median(g / safe)),
    }


def check_invariants(values: Mapping[str, float]) -> None:
    """Raise a ValueError unless the eight numbers can belong to one prediction.

    Published tables fail this: a row with a1 > a2 was not computed as it says.
    """
    for name in EIGHT:
        if not math.isfinite(values[name]):
            raise ValueError(
                f"`{name}` must be finite, got {values[name]}. No image was measured, "
                "or the numbers are not of depths"
            )
    a1, a2, a3 = (values[f"a{k}"] for k in (1, 2, 3))
    if not 0 <= a1 <= a2 + ROUNDING <= a3 + 2 * ROUNDING <= 1 + 3 * ROUNDING:
        raise ValueError(
            f"0 <= a1 <= a2 <= a3 <= 1 must hold, got {a1:.4f}, {a2:.4f}, {a3:.4f}: "
            "a pixel within 1.25 is within 1.25^2. The numbers are not of one "
            "prediction"
        )
    if values["abs_diff"] > values["rmse"] * (1 + ROUNDING) + ROUNDING:
        raise ValueError(
            f"abs_diff <= rmse must hold, got {values['abs_diff']:.4f} > "
            f"{values['rmse']:.4f}: a mean is below its root mean square. The numbers "
            "are not of the same pixels"
        )


def aggregate(batches: Sequence[Sequence[Values]], how: str = "images") -> Values:
    """The eight numbers of a test set, checked.

    Args:
        batches: Of each batch what :func:`eight_metrics` gave of its images.
        how: "images", the mean over images with pixels; "pixels", every pixel alike;
            "legacy", as the published rows of DELTAS: sum over the images of a batch,
            one without pixels counting zero, over the batch's size; mean of batches.

    Returns:
        The numbers, ``images``, ``images_without_depth``, ``clamped`` (share of
        pixels) and ``median_ratio`` (median over images).

    Raises:
        ValueError: If ``how`` is unknown, no image has a pixel, or the numbers
            contradict each other.
    """
    check_choice("how", how, AGGREGATIONS)
    images = [values for batch in batches for values in batch]
    known = [values for values in images if values["pixels"]]
    if not known:
        raise ValueError(
            f"none of {len(images)} images has true depth in range. Look at the depth "
            "files' unit and at the range of the evaluation"
        )
    if how == "legacy":
        result = _legacy(batches)
    else:
        result = _per_pixel(known) if how == "pixels" else _per_image(known)
    check_invariants(result)
    pixels = math.fsum(values["pixels"] for values in known)
    return {
        **result,
        "images": float(len(known)),
        "images_without_depth": float(len(images) - len(known)),
        "clamped": math.fsum(values["clamped"] for values in known) / pixels,
        "median_ratio": float(np.median([v["median_ratio"] for v in known])),
    }


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


def _per_image(known: Sequence[Values]) -> Values:
    return {n: math.fsum(v[n] for v in known) / len(known) for n in EIGHT}


def _per_pixel(known: Sequence[Values]) -> Values:
    total = math.fsum(values["pixels"] for values in known)

    def mean(name: str, power: int) -> float:
        sums = (values["pixels"] * values[name] ** power for values in known)
        return (math.fsum(sums) / total) ** (1 / power)

    return {n: mean(n, 2 if n.startswith("rmse") else 1) for n in EIGHT}


def _legacy(batches: Sequence[Sequence[Values]]) -> Values:
    return {
        name: math.fsum(
            math.fsum(values[name] for values in batch if values["pixels"]) / len(batch)
            for batch in batches
        )
        / len(batches)
        for name in EIGHT
    }
