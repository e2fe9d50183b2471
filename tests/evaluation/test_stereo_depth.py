"""The eight numbers: closed forms, invariants, aggregation, the sentinel."""

import math

import numpy as np
import pytest

from vantage3d.evaluation.stereo_depth import (
    EIGHT,
    DepthRange,
    aggregate,
    check_invariants,
    eight_metrics,
    scale_warning,
)

LIMITS = DepthRange(0.5, 10.0)


def truth(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(1, 5, (12, 16))


def good(**changed: float) -> dict[str, float]:
    values = dict(zip(EIGHT, (0.1, 0.2, 0.05, 0.8, 0.9, 0.95, 0.3, 0.2)))
    return values | changed


def test_truth_itself_is_perfect():
    values = eight_metrics(truth(), truth(), LIMITS)
    assert [values[name] for name in EIGHT] == [0, 0, 0, 1, 1, 1, 0, 0]
    assert values["median_ratio"] == 1 and values["clamped"] == 0


@pytest.mark.parametrize("scale", [1.2, 1.3, 8.0])
def test_a_wrong_scale_has_closed_forms(scale):
    g = truth()
    values = eight_metrics(g / scale, g, LIMITS)
    error = 1 - 1 / scale
    expected = {
        "abs_rel": error,
        "abs_diff": error * g.mean(),
        "sq_rel": error**2 * g.mean(),
        "rmse": error * math.sqrt((g**2).mean()),
        "rmse_log": math.log(scale),
        "median_ratio": scale,
        **{f"a{k}": float(scale < 1.25**k) for k in (1, 2, 3)},
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected)


def test_mask_is_by_truth_alone():
    g = np.array([[0.4, 1.0, 10.0, 10.1, 0.0, np.nan, np.inf]])
    values = eight_metrics(np.full_like(g, 2.0), g, LIMITS)
    assert values["pixels"] == 2
    assert values["abs_rel"] == pytest.approx((1 + 0.8) / 2)


def test_only_ratios_are_of_clamped_predictions():
    g = np.full((1, 2), 2.0)
    values = eight_metrics(np.array([[-1.0, 2.0]]), g, LIMITS)
    assert values["abs_diff"] == pytest.approx(1.5) and values["clamped"] == 1
    assert values["rmse_log"] == pytest.approx(math.log(2000) / math.sqrt(2))
    assert values["a3"] == 0.5
    far = eight_metrics(np.array([[50.0, np.float32(1e-3)]]), g, LIMITS)
    assert far["clamped"] == 2 and far["rmse"] > 30


def test_invariants_hold_for_anything():
    rng = np.random.default_rng(1)
    for seed in range(30):
        g = truth(seed)
        pred = g + rng.normal(0, rng.uniform(0, 3), g.shape)
        check_invariants(eight_metrics(pred, g, LIMITS))


def test_a_diverged_network_is_named():
    pred = truth()
    pred[3, 4] = np.nan
    with pytest.raises(ValueError, match="`pred` must be finite, got nan"):
        eight_metrics(pred, truth(), LIMITS)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        # A row of a published report: range 0.1 to 20 m.
        (dict(a1=0.1527, a2=0.0852, a3=0.1289), r"got 0\.1527, 0\.0852, 0\.1289"),
        (dict(a3=0.85), r"got 0\.8000, 0\.9000, 0\.8500"),
        # Another: rmse .2085 beside abs .2262.
        (dict(abs_diff=0.2262, rmse=0.2085), r"got 0\.2262 > 0\.2085"),
        (dict(rmse_log=math.nan), "`rmse_log` must be finite, got nan"),
    ],
)
def test_impossible_rows_are_refused(changed, message):
    check_invariants(good())
    with pytest.raises(ValueError, match=message):
        check_invariants(good(**changed))


def two_images() -> tuple[dict, dict]:
    """1.2 times too near in 192 pixels, 2 times in 12."""
    full, few = truth(), truth(1)
    few[1:] = 0
    few[0, 12:] = 0
    return eight_metrics(full / 1.2, full, LIMITS), eight_metrics(few / 2, few, LIMITS)


def test_images_or_pixels_count_alike():
    first, second = two_images()
    images = aggregate([[first, second]])
    assert images["abs_rel"] == pytest.approx((1 / 6 + 1 / 2) / 2)
    assert images["a1"] == pytest.approx(0.5)
    pixels = aggregate([[first], [second]], "pixels")
    assert pixels["abs_rel"] == pytest.approx((192 / 6 + 12 / 2) / 204)
    g = np.concatenate([truth().ravel(), truth(1)[0, :12]])
    p = np.concatenate([truth().ravel() / 1.2, truth(1)[0, :12] / 2])
    whole = eight_metrics(p[None], g[None], LIMITS)
    for name in EIGHT:
        assert pixels[name] == pytest.approx(whole[name]), name


def test_legacy_counts_empty_images_as_zero_and_batches_alike():
    first, second = two_images()
    empty = eight_metrics(truth(), np.zeros((12, 16)), LIMITS)
    assert empty["pixels"] == 0 and math.isnan(empty["abs_rel"])
    legacy = aggregate([[first, empty], [second]], "legacy")
    assert legacy["abs_rel"] == pytest.approx(((1 / 6 + 0) / 2 + 1 / 2) / 2)
    ours = aggregate([[first, empty], [second]])
    assert ours["images"] == 2 and ours["images_without_depth"] == 1
    assert ours["abs_rel"] == pytest.approx((1 / 6 + 1 / 2) / 2)


def test_nothing_to_evaluate():
    empty = eight_metrics(truth(), np.zeros((12, 16)), LIMITS)
    with pytest.raises(ValueError, match="none of 2 images has true depth in range"):
        aggregate([[empty, empty]])
    with pytest.raises(ValueError, match=r"`how` must be one of .* got 'median'"):
        aggregate([[good(pixels=1.0)]], "median")


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (7.8, r"true depth is 8x .*SUN3D"),
        (1 / 8, r"predicted depth is 8x .*SUN3D"),
        (5.1, "TUM"),
        (980.0, "millimetres"),
        (3.0, r"is 3\.000: the unit"),
    ],
)
def test_known_factors_are_named(ratio, text):
    import re

    assert re.search(text, scale_warning(ratio))


def test_an_ordinary_ratio_is_not_suspicious():
    assert scale_warning(0.9) is None and scale_warning(1.4) is None
