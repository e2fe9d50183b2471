"""Resampling of clusters against drawing them one by one."""

import numpy as np
import pytest

from projects.common.evaluation.bootstrap import (
    draw_clusters,
    interval,
    resampled_means,
)


def test_draws_are_whole_sets_of_clusters():
    draws = draw_clusters(7, 500, seed=1)
    assert draws.shape == (500, 7) and (draws.sum(1) == 7).all()
    assert draws.mean() == pytest.approx(1)
    assert np.array_equal(draws, draw_clusters(7, 500, seed=1))


def test_means_are_over_the_values_of_the_drawn_clusters():
    rng = np.random.default_rng(0)
    clusters = [rng.normal(size=size) for size in (3, 1, 4)]
    sums = np.array([[values.sum()] for values in clusters])
    counts = np.array([[len(values)] for values in clusters], float)
    draws = draw_clusters(3, 20)
    for row, found in zip(draws, resampled_means(sums, counts, draws)):
        drawn = [v for v, n in zip(clusters, row.astype(int)) for _ in range(n)]
        assert found[0] == pytest.approx(np.concatenate(drawn).mean())


def test_a_resample_without_values_has_no_mean():
    sums, counts = np.array([[2.0], [np.nan]]), np.array([[1.0], [0.0]])
    draws = np.array([[1.0, 1.0], [0.0, 2.0]])
    assert resampled_means(sums, counts, draws)[:, 0] == pytest.approx(
        [2.0, np.nan], nan_ok=True
    )


def test_the_interval_of_independent_values_is_that_of_theory():
    """The mean of n values of variance 1 moves by 1.96 / sqrt(n) to either side."""
    values = np.random.default_rng(5).normal(size=(400, 1))
    draws = draw_clusters(400, 4000)
    low, high = interval(resampled_means(values, np.ones_like(values), draws))
    width = 2 * 1.96 * values.std() / np.sqrt(400)
    assert high[0] - low[0] == pytest.approx(width, rel=0.06)
    assert low[0] < values.mean() < high[0]
    nothing = interval(np.full((5, 1), np.nan))
    assert np.isnan(nothing).all()


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="`clusters` must be positive, got 0"):
        draw_clusters(0)
    with pytest.raises(ValueError, match="counts"):
        resampled_means(np.ones((2, 1)), np.ones((3, 1)), np.ones((1, 2)))
