"""Statistics as frames come: numpy as oracle, order, what is missing, intervals."""

import math
from dataclasses import astuple

import numpy as np
import pytest

from vantage3d.evaluation.running_summary import RunningSummary

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
    weighted = [
        summarised(g).weighted_mean("error", "pixels") for g in (groups, shuffled)
    ]
    assert weighted[0] == weighted[1]


def test_what_could_not_be_measured_is_counted_and_takes_no_part():
    summary = summarised([[{"a": 1.0, "b": NAN}, {"a": NAN}], [{"a": 4.0}]])
    assert summary["a"].mean == 2.5 and summary["a"].std == 1.5
    assert (summary["a"].count, summary["a"].missing) == (2, 1)
    assert (summary["b"].count, summary["b"].missing) == (0, 1)
    assert math.isnan(summary["b"].mean) and math.isnan(summary["b"].max)
    assert summary.total("a") == 5 and summary.total("never") == 0


def test_means_weighted_by_pixels():
    summary = summarised([[{"e": 1.0, "n": 30.0}, {"e": 5.0, "n": 10.0}],
                          [{"e": NAN, "n": 100.0}]])  # fmt: skip
    assert summary["e"].mean == 3
    assert summary.weighted_mean("e", "n") == 2


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


def test_intervals_are_seeded():
    summary = summarised(clusters())
    assert summary.summaries(seed=3) == summary.summaries(seed=3)
    assert summary.summaries(seed=3) != summary.summaries(seed=4)


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
    with pytest.raises(ValueError, match="'b' must come with every 'a', got 2 for 1"):
        summary.weighted_mean("a", "b")
