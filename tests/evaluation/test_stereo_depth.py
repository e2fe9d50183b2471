"""Depth of an anchor: closed forms, invariants, aggregation, the sentinel."""

import math

import numpy as np
import pytest

from vantage3d.evaluation.stereo_depth import (
    EIGHT,
    RATIO,
    DepthRange,
    anchor_record,
    check_invariants,
    scale_warning,
    summarise_anchors,
)

LIMITS = DepthRange(0.5, 10.0)


def truth(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(1, 5, (12, 16))


def good(**changed: float) -> dict[str, float]:
    values = dict(zip(EIGHT, (0.1, 0.2, 0.05, 0.8, 0.9, 0.95, 0.3, 0.2)))
    return values | {f"depth.full.{name}": value for name, value in changed.items()}


def test_truth_itself_is_perfect():
    values = anchor_record(truth(), truth(), LIMITS)
    assert [values[key] for key in EIGHT] == [0, 0, 0, 1, 1, 1, 0, 0]
    assert values[RATIO] == 1 and values["count.clamped_pixels"] == 0


@pytest.mark.parametrize("scale", [1.2, 1.3, 8.0])
def test_a_wrong_scale_has_closed_forms(scale):
    g = truth()
    values = anchor_record(g / scale, g, LIMITS)
    error = 1 - 1 / scale
    expected = {
        "depth.full.abs_rel": error,
        "depth.full.mae": error * g.mean(),
        "depth.full.sq_rel": error**2 * g.mean(),
        "depth.full.rmse": error * math.sqrt((g**2).mean()),
        "depth.full.rmse_log": math.log(scale),
        RATIO: scale,
        **{f"depth.full.delta{k}": float(scale < 1.25**k) for k in (1, 2, 3)},
    }
    assert {name: values[name] for name in expected} == pytest.approx(expected)


def test_mask_is_by_truth_alone():
    g = np.array([[0.4, 1.0, 10.0, 10.1, 0.0, np.nan, np.inf]])
    values = anchor_record(np.full_like(g, 2.0), g, LIMITS)
    assert values["count.full.pixels"] == 2
    assert values["depth.full.abs_rel"] == pytest.approx((1 + 0.8) / 2)


def test_predictions_below_a_millimetre_are_taken_for_one():
    g = np.full((1, 2), 2.0)
    values = anchor_record(np.array([[-1.0, 2.0]]), g, LIMITS)
    assert values["depth.full.mae"] == pytest.approx(1.999 / 2)
    assert values["count.clamped_pixels"] == 1 and values["count.nan_pixels"] == 0
    assert values["depth.full.rmse_log"] == pytest.approx(math.log(2000) / math.sqrt(2))
    assert values["depth.full.delta3"] == 0.5
    far = anchor_record(np.array([[50.0, np.float32(1e-3)]]), g, LIMITS)
    assert far["count.clamped_pixels"] == 1 and far["depth.full.rmse"] > 30


def test_invariants_hold_for_anything():
    rng = np.random.default_rng(1)
    for seed in range(30):
        g = truth(seed)
        pred = g + rng.normal(0, rng.uniform(0, 3), g.shape)
        check_invariants(anchor_record(pred, g, LIMITS))


def test_a_diverged_network_is_named():
    pred = truth()
    pred[3, 4] = np.nan
    with pytest.raises(ValueError, match="`pred` must be finite, got nan"):
        anchor_record(pred, truth(), LIMITS)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        # A row of a published report: range 0.1 to 20 m.
        (dict(delta1=0.1527, delta2=0.0852, delta3=0.1289),
         r"got 0\.1527, 0\.0852, 0\.1289"),
        (dict(delta3=0.85), r"got 0\.8000, 0\.9000, 0\.8500"),
        # Another: rmse .2085 beside abs .2262.
        (dict(mae=0.2262, rmse=0.2085), r"got 0\.2262 > 0\.2085"),
        (dict(rmse_log=math.nan), "`depth.full.rmse_log` must be finite, got nan"),
    ],
)  # fmt: skip
def test_impossible_rows_are_refused(changed, message):
    check_invariants(good())
    with pytest.raises(ValueError, match=message):
        check_invariants(good(**changed))


def two_images() -> tuple[dict, dict]:
    """1.2 times too near in 192 pixels, 2 times in 12."""
    full, few = truth(), truth(1)
    few[1:] = 0
    few[0, 12:] = 0
    return anchor_record(full / 1.2, full, LIMITS), anchor_record(few / 2, few, LIMITS)


def test_images_count_alike():
    images = summarise_anchors([two_images()])
    assert images["depth.full.abs_rel"] == pytest.approx((1 / 6 + 1 / 2) / 2)
    assert images["depth.full.delta1"] == pytest.approx(0.5)


def test_legacy_counts_empty_images_as_zero_and_batches_alike():
    first, second = two_images()
    empty = anchor_record(truth(), np.zeros((12, 16)), LIMITS)
    assert empty["count.full.pixels"] == 0 and math.isnan(empty["depth.full.abs_rel"])
    legacy = summarise_anchors([[first, empty], [second]], "legacy")
    expected = ((1 / 6 + 0) / 2 + 1 / 2) / 2
    assert legacy["depth.full.abs_rel"] == pytest.approx(expected)
    ours = summarise_anchors([[first, empty], [second]])
    assert ours["count.frames"] == 3 and ours["count.frames_without_depth"] == 1
    assert ours["depth.full.abs_rel"] == pytest.approx((1 / 6 + 1 / 2) / 2)


def test_nothing_to_evaluate():
    empty = anchor_record(truth(), np.zeros((12, 16)), LIMITS)
    with pytest.raises(ValueError, match="none of 2 images has true depth in range"):
        summarise_anchors([[empty, empty]])
    with pytest.raises(ValueError, match=r"`aggregation` must be .* got 'median'"):
        summarise_anchors([[empty]], "median")


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
