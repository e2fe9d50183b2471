"""Errors of a depth map, of any set of pixels, in float64.

p is the predicted depth, g the true one, d = ln p - ln g:

    AbsRel  mean |p - g| / g         RMSElog  sqrt mean d^2
    SqRel   mean (p - g)^2 / g       SIlog    sqrt (mean d^2 - (mean d)^2)
    RMSE    sqrt mean (p - g)^2      deltak   share with max(p / g, g / p) < 1.25^k
    MAE     mean |p - g|

MAE, SqRel and RMSE are in metres. SIlog is not multiplied by 100.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.checks import check_shape

DEPTH_METRICS = (
    "AbsRel", "SqRel", "RMSE", "RMSElog", "SIlog", "MAE", "delta1", "delta2", "delta3",
)  # fmt: skip
DELTA = 1.25
Floats = NDArray[np.floating[Any]]
Mask = NDArray[np.bool_]


def depth_errors(pred: Floats, truth: Floats, mask: Mask) -> dict[str, float]:
    """Every metric over the pixels of ``mask``.

    A prediction that is not finite or not positive has no logarithm and no ratio: it is
    counted in ``bad_pixels``, misses every delta, and takes no part in the others.

    Args:
        pred: (..., H, W) z-depth in metres, aligned if it shall be.
        truth: (..., H, W) z-depth in metres.
        mask: (..., H, W) bool, the pixels to evaluate.

    Returns:
        The metrics, ``pixels`` (of the mask) and ``bad_pixels``; a metric is NaN where
        no pixel takes part.

    Raises:
        ValueError: If shapes disagree, or the truth in the mask is not positive.
    """
    p, g = masked_pairs(pred, truth, mask)
    good = usable(p)
    pixels = len(p)
    p, g = p[good], g[good]
    counts = {"pixels": float(pixels), "bad_pixels": float(pixels - len(p))}
    if not len(p):
        empty = dict.fromkeys(DEPTH_METRICS, float("nan"))
        deltas = {name: 0.0 for name in empty if "delta" in name and pixels}
        return {**empty, **deltas, **counts}
    values = {**difference_errors(p, g), **ratio_errors(p, g)}
    for k in (1, 2, 3):
        values[f"delta{k}"] *= len(p) / pixels
    return {**{name: values[name] for name in DEPTH_METRICS}, **counts}


def difference_errors(p: Floats, g: Floats) -> dict[str, float]:
    """AbsRel, SqRel, RMSE and MAE of (N,) depths, N > 0; predictions may be <= 0."""
    error = p - g
    values = {
        "AbsRel": np.mean(np.abs(error) / g),
        "SqRel": np.mean(error**2 / g),
        "RMSE": np.sqrt(np.mean(error**2)),
        "MAE": np.mean(np.abs(error)),
    }
    return {name: float(value) for name, value in values.items()}


def ratio_errors(p: Floats, g: Floats) -> dict[str, float]:
    """RMSElog, SIlog and the deltas of (N,) positive depths, N > 0."""
    log, ratio = np.log(p) - np.log(g), np.maximum(p / g, g / p)
    values = {
        "RMSElog": np.sqrt(np.mean(log**2)),
        "SIlog": np.std(log),
        **{f"delta{k}": np.mean(ratio < DELTA**k) for k in (1, 2, 3)},
    }
    return {name: float(value) for name, value in values.items()}


def masked_pairs(pred: Floats, truth: Floats, mask: Mask) -> tuple[Floats, Floats]:
    """(N,) float64 predicted and true depths of the pixels of ``mask``.

    Raises:
        ValueError: If shapes disagree, or the truth in the mask is not positive.
    """
    spec = " ".join(str(size) for size in truth.shape)
    check_shape("pred", pred, spec, fix="Resize the prediction to the truth.")
    check_shape("mask", mask, spec)
    p, g = pred[mask].astype(np.float64), truth[mask].astype(np.float64)
    wrong = ~usable(g)
    if wrong.any():
        raise ValueError(
            f"`truth` must be positive and finite inside `mask`, got {g[wrong][0]} "
            f"({int(wrong.sum())} of {len(g)} pixels). Leave missing depth out of it."
        )
    return p, g


def usable(depth: Floats) -> Mask:
    """Where a depth is finite and positive."""
    return np.isfinite(depth) & (depth > 0)
