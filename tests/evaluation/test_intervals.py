"""Intervals over clusters: coverage by simulation, closed forms, scipy as oracle."""

import numpy as np
import pytest
from scipy import stats

from vantage3d.evaluation.intervals import (
    Interval,
    cluster_interval,
    cluster_of,
    draw_clusters,
    weighted_means,
)

DRAWN = 12  # clusters of a bootstrap
FEW = 6
LENGTH, STRIDE = 4, 2  # frames of a window and from one to the next


def windows_of(clusters: int, studies: int) -> np.ndarray:
    """(C, W, S) means of overlapping windows of drives, true mean 0.

    Frames are a drive's level and a slow change of their own; windows share frames.
    """
    rng = np.random.default_rng(3)
    frames = rng.normal(0, 0.6, (clusters, 20, studies)).cumsum(axis=1) / 4
    frames += rng.normal(0, 1, (clusters, 1, studies))
    starts = range(0, 20 - LENGTH + 1, STRIDE)
    return np.stack([frames[:, i : i + LENGTH].mean(axis=1) for i in starts], axis=1)


def coverage(sums: np.ndarray, counts: np.ndarray) -> float:
    """Share of (C, S) studies whose interval holds the true mean, 0."""
    low, high = cluster_interval(lambda w: weighted_means(sums, counts, w), len(sums))
    return float(np.mean((low <= 0) & (high >= 0)))


@pytest.mark.parametrize("clusters", [FEW, DRAWN])
def test_nominal_95_percent_cover_93_to_97_by_cluster_and_not_by_window(clusters):
    values = windows_of(clusters, studies=1500)
    per_drive = np.full(values[:, 0].shape, float(values.shape[1]))
    assert 0.93 < coverage(values.sum(axis=1), per_drive) < 0.97
    apart = values.reshape(-1, 1500)[:, :300]  # each window as if it stood alone
    assert coverage(apart, np.ones_like(apart)) < 0.7


def test_of_few_clusters_it_is_students():
    """The gain of a report, by drive: quoted as 0.125 to 0.199 from its 30 windows."""
    gain = np.array([-0.04, 0.48, -0.05, 0.64, 0.09, 0.47])
    sums, counts = 5 * gain[:, None], np.full((6, 1), 5.0)
    ends = cluster_interval(lambda w: weighted_means(sums, counts, w), 6)
    expected = stats.t.interval(0.95, 5, gain.mean(), stats.sem(gain))
    assert [end[0] for end in ends] == pytest.approx(expected, rel=1e-12)
    assert expected == pytest.approx((-0.05, 0.58), abs=0.01)


def test_of_many_clusters_it_is_scipys_bootstrap_but_for_the_expansion():
    """For 400 clusters the expansion is nothing; ratios of sums, unequal clusters."""
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 9, 400).astype(float)
    sums = counts * rng.gamma(2, 0.2, 400)
    mine = cluster_interval(
        lambda w: weighted_means(sums[:, None], counts[:, None], w), 400
    )
    theirs = stats.bootstrap(
        (sums, counts),
        lambda s, n, axis: s.sum(axis) / n.sum(axis),
        paired=True, vectorized=True, n_resamples=2000, method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    width = theirs.high - theirs.low
    assert mine[0][0] == pytest.approx(theirs.low, abs=0.06 * width)
    assert mine[1][0] == pytest.approx(theirs.high, abs=0.06 * width)


def test_one_cluster_has_no_interval_and_a_cluster_without_values_counts_nowhere():
    low, high = cluster_interval(lambda w: w @ np.ones((1, 2)), 1)
    assert np.isnan(low).all() and np.isnan(high).all() and low.shape == (2,)
    sums, counts = np.array([[6.0], [1.0], [0.0]]), np.array([[3.0], [1.0], [0.0]])
    weights = np.array([[1.0, 1, 1], [2, 1, 0], [0, 3, 0], [0, 0, 3]])
    means = weighted_means(sums, counts, weights)[:, 0]
    assert means[:3] == pytest.approx([7 / 4, 13 / 7, 1]) and np.isnan(means[3])


def test_draws_are_whole_clusters_seeded_and_fair():
    draws = draw_clusters(7, 4000, seed=1)
    assert (draws.sum(axis=1) == 7).all() and (draws == draws.round()).all()
    assert not np.array_equal(draws, draw_clusters(7, 4000, seed=2))
    assert draws.mean(axis=0) == pytest.approx(np.ones(7), abs=0.06)
    assert draws.var(axis=0) == pytest.approx(np.full(7, 6 / 7), rel=0.15)


@pytest.mark.parametrize(
    ("sequence", "cluster"),
    [
        ("2013_05_28_drive_0003_sync", "2013_05_28_drive_0003_sync"),
        ("scene0707_00", "scene0707"),
        ("Scene20/clone/Camera_0", "Scene20"),
        ("chess/seq-01", "chess"),
    ],
)
def test_what_is_independent(sequence, cluster):
    assert cluster_of(sequence) == cluster


def test_an_interval_says_what_it_rests_on():
    assert Interval(0.1, 0.2, 6, 66).basis == "6 clusters (few), 66 frames"
    assert Interval(0.1, 0.2, 10, 1).basis == "10 clusters, 1 frame"
    assert Interval(-0.1, 0.2).holds_zero and not Interval(0.1, 0.2).holds_zero


def test_wrong_arguments():
    with pytest.raises(ValueError, match="`clusters` must be positive, got 0"):
        draw_clusters(0)
    with pytest.raises(ValueError, match=r"`counts` must have shape .* got \(3, 1\)"):
        weighted_means(np.ones((2, 1)), np.ones((3, 1)), np.ones((4, 2)))
