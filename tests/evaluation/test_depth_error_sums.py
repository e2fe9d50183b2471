"""Errors summed by class against the slow functions over masks."""

import math

import numpy as np
import pytest

from vantage3d.evaluation.depth_error_sums import ERROR_NAMES, sum_errors
from vantage3d.evaluation.depth_metrics import DEPTH_METRICS, depth_errors

SLOW = dict(zip(DEPTH_METRICS, ERROR_NAMES))


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
    slow = depth_errors(pred, truth, np.isin(sets, rows))
    found = sums.metrics(rows)
    for name, fast in SLOW.items():
        assert found[fast] == pytest.approx(slow[name], rel=1e-12), name
    assert sums.counts(rows) == (slow["pixels"], slow["bad_pixels"])


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
    sums, errors, good = sum_errors(
        np.array([np.nan, -1.0]), np.ones(2), np.array([1, 1]), 3
    )
    empty, lost = sums.metrics([0]), sums.metrics([1])
    assert all(math.isnan(empty[name]) for name in ERROR_NAMES)
    assert lost["delta3"] == 0 and math.isnan(lost["abs_rel"])
    assert sums.counts([1]) == (2, 2) and not good.any() and not len(errors.abs_rel)


def test_sets_of_another_length():
    with pytest.raises(
        ValueError, match=r"`sets` must have shape \(N=2,\), got \(3,\)"
    ):
        sum_errors(np.ones(2), np.ones(2), np.zeros(3, int), 1)
