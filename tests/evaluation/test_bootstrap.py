"""The bootstrap over clusters: draws, means of draws, intervals."""

import math

import numpy as np
import pytest

from vantage3d.evaluation.bootstrap import draw_clusters, interval, resampled_means


def test_draws_are_whole_clusters_seeded_and_fair():
    draws = draw_clusters(7, 4000, seed=1)
    assert (draws.sum(axis=1) == 7).all() and (draws == draws.round()).all()
    assert np.array_equal(draws, draw_clusters(7, 4000, seed=1))
    assert not np.array_equal(draws, draw_clusters(7, 4000, seed=2))
    assert draws.mean(axis=0) == pytest.approx(np.ones(7), abs=0.06)
    assert draws.var(axis=0) == pytest.approx(np.full(7, 6 / 7), rel=0.15)


def test_means_are_over_the_values_of_the_drawn_clusters():
    sums, counts = np.array([[6.0], [1.0], [0.0]]), np.array([[3.0], [1.0], [0.0]])
    draws = np.array([[1.0, 1, 1], [2, 1, 0], [0, 3, 0], [0, 0, 3]])
    means = resampled_means(sums, counts, draws)[:, 0]
    assert means[:3] == pytest.approx([7 / 4, 13 / 7, 1])
    assert math.isnan(means[3])


def test_the_interval_of_a_mean_is_that_of_its_standard_error():
    values = np.random.default_rng(0).normal(3, 2, 200)
    means = resampled_means(
        values[:, None], np.ones((200, 1)), draw_clusters(200, 4000)
    )
    (low,), (high,) = interval(means)
    half = 1.96 * values.std() / math.sqrt(200)
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.1 * half)
    assert (high - low) / 2 == pytest.approx(half, rel=0.06)


def test_nothing_measured_and_wrong_arguments():
    low, high = interval(np.full((5, 1), np.nan))
    assert np.isnan(low).all() and np.isnan(high).all()
    with pytest.raises(ValueError, match="`clusters` must be positive, got 0"):
        draw_clusters(0)
    with pytest.raises(ValueError, match=r"`counts` must have shape .* got \(3, 1\)"):
        resampled_means(np.ones((2, 1)), np.ones((3, 1)), np.ones((4, 2)))
