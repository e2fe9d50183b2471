"""Statistics as frames come: numpy as oracle, order, what is missing, intervals."""

import math
from dataclasses import astuple

import numpy as np
import pytest

from vantage3d.evaluation.running_summary import (
    RunningSummary,
    draw_clusters,
    interval,
    resampled_means,
)

NAN = float("nan")


def clusters(count: int = 30, seed: int = 0) -> list[list[dict[str, float]]]:
    """Windows of four frames; frames of one window are alike."""
    rng = np.random.default_rng(seed)
    levels = rng.normal(5, 1, count)
    return [
        [
            {"error": level + rng.normal(0, 0.05), "pixels": float(rng.integers(1, 99))}
            for _ in range(4)
        ]
        for level in levels
    ]


def summarised(groups) -> RunningSummary:
    summary = RunningSummary()
    for group in groups:
        summary.add(group)
    return summary


def test_statistics_are_numpys():
    groups = clusters()
    values = np.array([frame["error"] for group in groups for frame in group])
    found = summarised(groups)["error"]
    expected = (
        values.mean(),
        values.std(),
        np.median(values),
        values.min(),
        values.max(),
    )
    assert astuple(found)[:5] == pytest.approx(expected, rel=1e-14)
    assert (found.count, found.missing) == (120, 0)


def test_order_of_windows_and_frames_does_not_matter_to_the_last_bit():
    groups = clusters()
    rng = np.random.default_rng(1)
    shuffled = [[g[i] for i in rng.permutation(len(g))] for g in groups]
    shuffled = [shuffled[i] for i in rng.permutation(len(groups))]
    assert summarised(groups).summaries() == summarised(shuffled).summaries()


def test_what_could_not_be_measured_is_counted_and_takes_no_part():
    summary = summarised([[{"a": 1.0, "b": NAN}, {"a": NAN}], [{"a": 4.0}]])
    assert summary["a"].mean == 2.5 and summary["a"].std == 1.5
    assert (summary["a"].count, summary["a"].missing) == (2, 1)
    assert (summary["b"].count, summary["b"].missing) == (0, 1)
    assert math.isnan(summary["b"].mean) and math.isnan(summary["b"].max)
    assert summary.total("a") == 5 and summary.total("never") == 0


def test_intervals_are_over_windows_not_frames():
    """Frames of a window are alike: four times the frames say nothing new."""
    groups = clusters()
    found = summarised(groups).summaries()["error"]
    means = np.array([np.mean([f["error"] for f in group]) for group in groups])
    half = 1.96 * means.std() / math.sqrt(len(groups))
    assert found.ci_low < found.mean < found.ci_high
    assert (found.ci_high - found.ci_low) / 2 == pytest.approx(half, rel=0.1)
    frames = summarised([[frame] for group in groups for frame in group])
    narrow = frames.summaries()["error"]
    assert narrow.ci_high - narrow.ci_low < 0.6 * (found.ci_high - found.ci_low)


def test_one_window_has_no_interval():
    found = summarised(clusters(1)).summaries()["error"]
    assert math.isnan(found.ci_low) and math.isnan(found.ci_high)


def test_memory_is_a_few_floats_per_frame():
    summary = RunningSummary()
    for i in range(2000):
        summary.add([{"a": float(i), "b": 1.0}])
    stored = sum(
        held.itemsize * len(held)
        for table in (summary._values, summary._owners)
        for held in table.values()
    )
    assert stored == 2000 * 2 * 16


def test_names():
    summary = summarised([[{"a": 1.0}, {"b": 2.0}, {"b": 3.0}]])
    with pytest.raises(ValueError, match="`name` must be one of 'a', 'b', got 'c'"):
        summary["c"]


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
