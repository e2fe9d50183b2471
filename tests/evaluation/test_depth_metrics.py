"""Depth errors and alignments against closed forms and slow minimisers."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize, minimize_scalar

from vantage3d.evaluation import depth_metrics
from vantage3d.evaluation.depth_metrics import (
    ALIGNMENTS,
    ERRORS,
    depth_errors,
    fit_depth,
    sum_errors,
    usable,
)

DELTAS = ("delta1", "delta2", "delta3")


def align_depth(pred, truth, mask, method):
    return fit_depth(pred, truth, mask, method)(pred)


def window(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(3, 8, 12) prediction and truth in metres, and a mask."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(2, 40, (3, 8, 12))
    pred = truth * np.exp(rng.normal(0, 0.2, truth.shape))
    return pred, truth, rng.random(truth.shape) < 0.8


def slow_errors(p: np.ndarray, g: np.ndarray) -> dict[str, float]:
    """The errors of (N,) predictions and truths as the formulas say, N > 0."""
    good = usable(p)
    counts = {"pixels": len(p), "bad_pixels": int((~good).sum())}
    ratio = np.maximum(p[good] / g[good], g[good] / p[good])
    deltas = {f"delta{k}": (ratio < 1.25**k).sum() / len(p) for k in (1, 2, 3)}
    p, g = p[good], g[good]
    log = np.log(p) - np.log(g)
    return {
        "abs_rel": np.mean(np.abs(p - g) / g),
        "sq_rel": np.mean((p - g) ** 2 / g),
        "rmse": np.sqrt(np.mean((p - g) ** 2)),
        "rmse_log": np.sqrt(np.mean(log**2)),
        "si_log": np.std(log),
        "mae": np.mean(np.abs(p - g)),
        **deltas,
        **counts,
    }


def everything(shape: tuple[int, ...]) -> np.ndarray:
    return np.ones(shape, dtype=bool)


def test_a_perfect_prediction_is_perfect():
    _, truth, mask = window()
    errors = depth_errors(truth, truth, mask)
    for name in ERRORS:
        assert errors[name] == (1 if name in DELTAS else 0), name
    assert errors["pixels"] == mask.sum() and errors["bad_pixels"] == 0


def test_a_scaled_prediction_has_closed_forms():
    _, truth, mask = window()
    errors = depth_errors(1.3 * truth, truth, mask)
    g = truth[mask]
    expected = {
        "abs_rel": 0.3,
        "sq_rel": 0.09 * g.mean(),
        "rmse": 0.3 * math.sqrt((g**2).mean()),
        "rmse_log": math.log(1.3),
        "mae": 0.3 * g.mean(),
        "delta1": 0,
        "delta2": 1,
        "delta3": 1,
    }
    assert {name: errors[name] for name in expected} == pytest.approx(expected)
    assert errors["si_log"] == pytest.approx(0, abs=1e-12)


def test_two_pixels_by_hand():
    pred, truth = np.array([[2.0, 4.0]]), np.array([[1.0, 5.0]])
    errors = depth_errors(pred, truth, everything((1, 2)))
    first, second = math.log(2), math.log(0.8)
    assert errors["abs_rel"] == pytest.approx((1 + 0.2) / 2)
    assert errors["sq_rel"] == pytest.approx((1 + 0.2) / 2)
    assert errors["rmse"] == pytest.approx(1)
    assert errors["rmse_log"] == pytest.approx(math.sqrt((first**2 + second**2) / 2))
    assert errors["si_log"] == pytest.approx((first - second) / 2)
    # 5 / 4 is not below 1.25
    assert [errors[name] for name in DELTAS] == [0, 0.5, 0.5]


def test_half_precision_is_summed_in_float64():
    truth = np.full((1, 400, 400), 7.0)
    errors = depth_errors(np.float16(7.7) * np.ones_like(truth, np.float16), truth,
                          everything(truth.shape))  # fmt: skip
    assert errors["abs_rel"] == pytest.approx(float(np.float16(7.7)) / 7 - 1, rel=1e-12)


def test_bad_predictions_are_counted_and_miss_every_delta():
    _, truth, _ = window()
    pred, mask = truth.copy(), everything(truth.shape)
    pred.flat[:3] = (np.nan, np.inf, -1)
    errors = depth_errors(pred, truth, mask)
    assert errors["bad_pixels"] == 3
    assert errors["abs_rel"] == 0 and errors["si_log"] == 0
    assert errors["delta3"] == pytest.approx(1 - 3 / truth.size)


def test_no_pixel_and_no_usable_pixel():
    pred, truth, _ = window()
    nothing = np.zeros(truth.shape, dtype=bool)
    assert all(math.isnan(depth_errors(pred, truth, nothing)[n]) for n in ERRORS)
    lost = depth_errors(np.full_like(pred, np.nan), truth, everything(truth.shape))
    assert math.isnan(lost["abs_rel"]) and lost["delta1"] == 0
    assert lost["bad_pixels"] == lost["pixels"] == truth.size


def test_missing_truth_in_the_mask():
    pred, truth, mask = window()
    mask[0, 0, 0], truth[0, 0, 0] = True, 0
    with pytest.raises(
        ValueError, match=r"`truth` must be positive .*, got 0\.0 \(1 of"
    ):
        depth_errors(pred, truth, mask)


def test_prediction_of_another_size():
    pred, truth, mask = window()
    with pytest.raises(ValueError, match=r"`pred` must have shape \(3, 8, 12\), got"):
        depth_errors(pred[:, ::2], truth, mask)


@pytest.mark.parametrize("method", [name for name in ALIGNMENTS if name != "none"])
def test_alignment_recovers_a_scale(method):
    _, truth, mask = window()
    aligned = align_depth(truth / 13, truth, mask, method)
    assert np.allclose(aligned, truth, rtol=1e-12)


def test_scale_shift_recovers_both():
    _, truth, mask = window()
    fit = fit_depth((truth + 3) / 5, truth, mask, "scale_shift")
    assert fit == pytest.approx((5, -3))


def test_none_leaves_the_prediction():
    pred, truth, mask = window()
    assert np.array_equal(align_depth(pred, truth, mask, "none"), pred)


def test_least_squares_alignments_are_minima():
    pred, truth, mask = window()
    p, g = pred[mask], truth[mask]
    scale = minimize_scalar(lambda s: ((s * p - g) ** 2).sum()).x
    assert fit_depth(pred, truth, mask, "scale").scale == pytest.approx(scale)
    both = minimize(lambda x: ((x[0] * p + x[1] - g) ** 2).mean(), (1, 0)).x
    assert fit_depth(pred, truth, mask, "scale_shift") == pytest.approx(both, rel=1e-3)


def test_robust_alignment_is_a_local_minimum_of_the_biweight_loss():
    pred, truth, mask = window()
    p, g = pred[mask], truth[mask]
    found = fit_depth(pred, truth, mask, "robust").scale
    limit = 4.685 * 1.4826 * np.median(np.abs(found * p - g) / g)

    def cost(s: float) -> float:
        inside = np.clip(1 - ((s * p - g) / g / limit) ** 2, 0, None)
        return float((1 - inside**3).sum())

    best = minimize_scalar(cost, bounds=(0.9 * found, 1.1 * found), method="bounded")
    assert found == pytest.approx(best.x, rel=1e-4)


def test_robust_alignment_ignores_a_third_of_wrong_pixels():
    _, truth, _ = window()
    mask, pred = everything(truth.shape), truth / 13
    pred[:, ::3] *= 50
    assert fit_depth(pred, truth, mask, "robust").scale == pytest.approx(13, rel=1e-12)


def test_robust_alignment_of_many_pixels_is_that_of_their_quantiles(monkeypatch):
    rng = np.random.default_rng(0)
    truth = rng.uniform(2, 40, (1, 400, 300))
    pred = truth * np.exp(rng.normal(0, 0.2, truth.shape))
    pred[:, ::4] *= 5
    few = fit_depth(pred, truth, everything(truth.shape), "robust").scale
    monkeypatch.setattr(depth_metrics, "QUANTILES", truth.size)
    every = fit_depth(pred, truth, everything(truth.shape), "robust").scale
    assert few != every and few == pytest.approx(every, rel=1e-5)


@pytest.mark.parametrize("method", ["median", "log_median", "robust"])
def test_robust_methods_resist_what_moves_least_squares(method):
    _, truth, mask = window()
    pred = truth / 13
    pred[0, :2] *= 50
    assert fit_depth(pred, truth, mask, method).scale == pytest.approx(13, rel=0.15)
    assert fit_depth(pred, truth, mask, "scale").scale < 2


def test_a_window_keeps_the_relative_scale_of_its_frames():
    _, truth, mask = window()
    pred = truth * np.array([1.0, 1.0, 2.0])[:, None, None]
    ratios = align_depth(pred, truth, mask, "median") / truth
    assert np.allclose(ratios[2] / ratios[0], 2)


def test_bad_predictions_take_no_part_in_a_fit():
    _, truth, mask = window()
    pred = truth / 2
    pred[0, 0] = np.nan
    assert fit_depth(pred, truth, mask, "scale").scale == pytest.approx(2)


def test_a_constant_prediction_has_no_shift():
    _, truth, mask = window()
    fit = fit_depth(np.full_like(truth, 0.3), truth, mask, "scale_shift")
    assert fit == pytest.approx((truth[mask].mean() / 0.3, 0))


def test_nothing_to_fit():
    pred, truth, mask = window()
    with pytest.raises(ValueError, match=f"to fit 'median', got 0 of {mask.sum()}"):
        fit_depth(np.full_like(pred, np.nan), truth, mask, "median")


def test_unknown_alignment():
    with pytest.raises(ValueError, match=r"'robust', got 'procrustes'"):
        fit_depth(*window(), "procrustes")


def test_order_of_frames_does_not_matter():
    pred, truth, mask = window()
    for method in ALIGNMENTS:
        straight = depth_errors(align_depth(pred, truth, mask, method), truth, mask)
        turned = (array[::-1] for array in (pred, truth, mask))
        pred_, truth_, mask_ = turned
        back = depth_errors(align_depth(pred_, truth_, mask_, method), truth_, mask_)
        assert back == pytest.approx(straight, rel=1e-12), method


def pixels(seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(N,) predictions with a few unusable ones, truths, and one of five sets."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform(2, 40, 1000)
    pred = 0.9 * truth * np.exp(rng.normal(0, 0.3, truth.shape))
    pred[::97] = (np.nan, np.inf, -np.inf, -1, 0, np.nan, -3, np.nan, 0, np.inf, -2)
    return pred, truth, rng.integers(0, 5, truth.shape)


@pytest.mark.parametrize("rows", [[0], [3], [1, 2], [0, 1, 2, 3, 4]])
def test_sums_of_sets_are_the_metrics_of_their_union(rows):
    pred, truth, sets = pixels()
    sums, _, _ = sum_errors(pred, truth, sets, 5)
    members = np.isin(sets, rows)
    slow = slow_errors(pred[members], truth[members])
    found = sums.metrics(rows)
    for name in ERRORS:
        assert found[name] == pytest.approx(slow[name], rel=1e-12), name
    assert sums.unusable(rows) == slow["bad_pixels"] > 0
    assert sums.pixels[rows].sum() == slow["pixels"]


def test_a_factor_has_no_scale_invariant_error():
    _, truth, sets = pixels()
    found = sum_errors(1.3 * truth, truth, sets, 5)[0].metrics()
    assert found["si_log"] < 1e-12
    assert found["rmse_log"] == pytest.approx(math.log(1.3), rel=1e-12)
    assert (found["delta1"], found["delta2"]) == (0, 1)


def test_five_quarters_is_not_within_delta1():
    ones = np.ones(2)
    found = sum_errors(np.array([1.25, 0.8]), ones, np.zeros(2, int), 1)[0].metrics()
    assert (found["delta1"], found["delta2"]) == (0, 1)


def test_an_empty_set_is_nan_and_an_unusable_one_misses_every_delta():
    sums, relative, good = sum_errors(
        np.array([np.nan, -1.0]), np.ones(2), np.array([1, 1]), 3
    )
    empty, lost = sums.metrics([0]), sums.metrics([1])
    assert all(math.isnan(empty[name]) for name in ERRORS)
    assert lost["delta3"] == 0 and math.isnan(lost["abs_rel"])
    assert sums.pixels[1] == sums.unusable([1]) == 2
    assert not good.any() and not len(relative)


def test_sets_of_another_length():
    with pytest.raises(
        ValueError, match=r"`sets` must have shape \(N=2,\), got \(3,\)"
    ):
        sum_errors(np.ones(2), np.ones(2), np.zeros(3, int), 1)
