"""Differences of rows: paired by room, mean over the seeds."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from vantage3d.comparison.rooms import differences
from vantage3d.evaluation.instance_outcomes import SceneOutcomes, scene_outcomes
from vantage3d.evaluation.instance_overlaps import SceneOverlaps

ROOMS = 5


def outcomes(found: list[int]) -> SceneOutcomes:
    """Two frames a room, of four instances each, of which so many are found as wholes.

    All predictions are right and of one score, so that the precision is 1 and AP the
    share of instances that were found: a mean over rooms in closed form.
    """
    scenes = []
    for number in np.repeat(found, 2):
        table = 200 * np.eye(4, dtype=np.int64)[:number]
        size, zero = np.full(number, 200), np.zeros(number, np.int64)
        scenes.append(
            SceneOverlaps(
                intersections=table,
                pred_sizes=size,
                pred_void=zero,
                pred_labels=zero,
                pred_scores=np.ones(number),
                gt_sizes=np.full(4, 200),
                gt_labels=np.zeros(4, np.int64),
            )
        )
    names = [f"scene{i // 2:04d}_00_{i % 2}" for i in range(2 * len(found))]
    return scene_outcomes(names, scenes, 1)


def test_an_interval_over_rooms_is_students_of_the_paired_differences():
    plain = [outcomes([0, 1, 2, 3, 1]), outcomes([1, 1, 2, 2, 0])]
    better = [outcomes([1, 2, 4, 3, 2]), outcomes([2, 1, 3, 4, 2])]
    found = differences({"plain": plain, "better": better})
    by_room = np.array([2, 1, 3, 2, 3]) / 2 / 4  # mean of the seeds, in instances of 4
    gain = found["plain", "better"]["all_ap_50%"]
    assert gain.value == pytest.approx(by_room.mean())
    low, high = stats.t.interval(0.95, ROOMS - 1, by_room.mean(), stats.sem(by_room))
    assert gain.interval[:2] == pytest.approx((low, high))
    assert gain.interval.basis == "5 clusters (few), 10 frames"
    assert gain.text() == f"+0.275 [{low:+.3f}, {high:+.3f}]"


def test_what_all_rooms_have_in_common_cancels():
    plain, better = outcomes([0, 1, 2, 3, 1]), outcomes([1, 2, 3, 4, 2])
    gain = differences({"a": [plain], "b": [better]})["a", "b"]["all_ap"]
    assert gain.interval[:2] == pytest.approx((0.25, 0.25))


def test_every_pair_and_one_room():
    rows = {name: [outcomes([number])] for number, name in enumerate("abc")}
    found = differences(rows)
    assert list(found) == [("a", "b"), ("a", "c"), ("b", "c")]
    assert found["a", "c"]["all_ap"].text() == "+0.500"  # no interval of one room
    assert differences({"a": [outcomes([1])]}) == {}


def test_other_frames_or_labels_are_refused():
    first, fewer = outcomes([1, 2]), outcomes([1])
    message = r"run of b was tested on 2 frames, .* on 4: 2 are of one alone \(\['scene"
    with pytest.raises(ValueError, match=message):
        differences({"a": [first], "b": [fewer]})
    other = replace(first, n_true=first.n_true + 1)
    with pytest.raises(ValueError, match=r"b was tested on 20 true inst.* on 16"):
        differences({"a": [first], "b": [other]})
