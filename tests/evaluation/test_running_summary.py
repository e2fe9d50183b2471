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
    """Every group in a drive of its own, named after what is in it."""
    summary = RunningSummary()
    for group in groups:
        drive = str(sorted(map(str, group)))
        summary.add(group, drive, [[i] for i in range(len(group))])
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


def test_intervals_are_over_drives_not_frames_or_windows():
    """Frames of a drive are alike: four times the frames say nothing new."""
    groups = clusters()
    found = summarised(groups).summaries()["error"]
    means = np.array([np.mean([f["error"] for f in group]) for group in groups])
    half = 2.05 * means.std(ddof=1) / math.sqrt(len(groups))
    assert found.ci_low < found.mean < found.ci_high
    assert (found.ci_high - found.ci_low) / 2 == pytest.approx(half, rel=0.1)
    assert (found.ci_clusters, found.ci_frames) == (30, 120)


def test_a_frame_of_several_windows_is_one_and_what_is_unknown_is_none():
    summary = RunningSummary()
    for start in (0, 2):
        rows = [{"a": 1.0, "b": NAN if i == 3 else 2.0} for i in range(4)]
        summary.add(rows, "drive", [[start + i] for i in range(4)])
    summary.add([{"a": 2.0}], "scene0001_00", [[0, 1]])
    summary.add([{"a": 2.0}], "scene0001_01", [[0, 1]])
    found = summary.summaries()
    assert (found["a"].ci_clusters, found["a"].ci_frames) == (2, 6 + 4)
    assert (found["b"].ci_clusters, found["b"].ci_frames) == (1, 5)


def test_one_cluster_has_no_interval():
    found = summarised(clusters(1)).summaries()["error"]
    assert math.isnan(found.ci_low) and math.isnan(found.ci_high)


def test_memory_is_a_few_floats_per_frame():
    summary = RunningSummary()
    for i in range(2000):
        summary.add([{"a": float(i), "b": 1.0}], "drive", [[i]])
    stored = sum(
        held.itemsize * len(held)
        for table in (summary._values, summary._owners, summary._seen)
        for held in table.values()
    )
    assert stored == 2000 * 2 * 24


def test_names():
    summary = summarised([[{"a": 1.0}, {"b": 2.0}, {"b": 3.0}]])
    with pytest.raises(ValueError, match="`name` must be one of 'a', 'b', got 'c'"):
        summary["c"]
