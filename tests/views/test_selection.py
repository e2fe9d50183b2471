"""Which frames go together, against the rule as it was published."""

import numpy as np
import pytest

from vantage3d.views.frame import BadSampleError
from vantage3d.views.selection import (
    Cut,
    FrameSampling,
    neighbours,
    spaced,
    spaced_by_number,
)


def references(i, n, length, gap):
    """The rule of the windows, case by case."""
    m = length // 2
    if i < gap:
        return [i + k * gap for k in range(1, length)]
    if i >= n - gap:
        return [i - k * gap for k in range(length - 1, 0, -1)]
    before, after = m, length - 1 - m  # even L: m before, m - 1 after
    if i - before * gap < 0:
        before = i // gap
        after = length - 1 - before
    elif i + after * gap > n - 1:
        after = (n - i - 1) // gap
        before = length - 1 - after
    steps = [*range(-before, 0), *range(1, after + 1)]
    return [i + k * gap for k in steps]


@pytest.mark.parametrize("length", [2, 3, 4, 5, 7])
@pytest.mark.parametrize("gap", [1, 3, 10])
@pytest.mark.parametrize("more", [0, 1, 5, 40])
def test_windows_follow_the_rule(length, gap, more):
    n = gap * length + more
    windows = spaced(n, length, gap)
    expected = [[i, *references(i, n, length, gap)] for i in range(n)]
    assert windows.tolist() == expected
    assert windows.min() >= 0 and windows.max() < n


def test_a_triplet_by_hand():
    windows = spaced(100, 3, 20).tolist()
    assert windows[0] == [0, 20, 40]
    assert windows[19] == [19, 39, 59]
    assert windows[20] == [20, 0, 40]
    assert windows[79] == [79, 59, 99]
    assert windows[80] == [80, 40, 60]


def test_short_scenes_have_no_windows():
    assert spaced(59, 3, 20).shape == (0, 3)
    assert len(spaced(60, 3, 20)) == 60
    assert len(spaced_by_number(np.array([4]), 2, 1)[0]) == 0


def test_frames_that_lack_cost_the_samples_that_need_them():
    numbers = np.array([n for n in range(5, 25) if n not in (9, 20)])
    windows, broken = spaced_by_number(numbers, 3, 2)
    found = numbers[windows]
    whole = spaced(20, 3, 2) + 5
    expected = [w for w in whole.tolist() if not {9, 20} & set(w)]
    assert found.tolist() == expected
    assert broken == 20 - 2 - len(expected) > 0


def test_regularly_exported_frames_keep_their_numbers():
    numbers = np.arange(0, 200, 25)
    windows, broken = spaced_by_number(numbers, 3, 50)
    assert numbers[windows].tolist() == (25 * spaced(8, 3, 2)).tolist()
    assert broken == 0
    with pytest.raises(ValueError, match=r"`gap` 20 .* multiple of 25, .* Use 2"):
        spaced_by_number(numbers, 3, 20)


def test_sampling_stays_in_reach_and_takes_every_frame():
    rng = np.random.default_rng(0)
    every = np.arange(20)
    drawn = [FrameSampling(span=3).draw(every, 10, 4, rng) for _ in range(200)]
    assert all(d[0] == 10 and len(set(d)) == 4 for d in drawn)
    assert set(np.concatenate(drawn)) == set(range(7, 14))
    ordered = [FrameSampling(3, in_time=True).draw(every, 10, 4, rng) for _ in drawn]
    assert all((np.diff(d) > 0).all() and 10 in d for d in ordered)
    assert set(np.concatenate(ordered)) == set(range(7, 14))
    assert FrameSampling(spread=2).draw(np.arange(100), 0, 4, rng).max() <= 8
    with pytest.raises(BadSampleError, match="8 frames asked for, but only 2 are"):
        FrameSampling().draw(every[:2], 0, 8, rng)


def test_a_span_counts_frames_and_not_places():
    """Every 10th frame was kept: a span of 3 is 30 numbers, whatever is missing."""
    rng = np.random.default_rng(0)
    numbers = np.array([0, 10, 20, 50, 60, 70, 80, 90])
    drawn = [FrameSampling(span=3).draw(numbers, 2, 3, rng, 10) for _ in range(100)]
    assert {int(n) for d in drawn for n in numbers[d]} == {0, 10, 20, 50}
    assert FrameSampling(span=0).bounds(numbers, np.array([3]), 1, 10) == (3, 4)


def test_windows_are_whole_and_inside():
    assert neighbours(7, 3, 2).tolist() == [[0, 1, 2], [2, 3, 4], [4, 5, 6]]
    assert not len(neighbours(2, 3, 2))


def path(steps):
    """(F, 3) centres of cameras that move along x."""
    return np.concatenate([[0.0], np.cumsum(steps)])[:, None] * [1.0, 0, 0]


FAR_OFF = np.array([447_000.5, 5_411_000.25, 320.0])


@pytest.mark.parametrize("step", [1, 20])
@pytest.mark.parametrize("origin", [np.zeros(3), FAR_OFF], ids=["near", "utm"])
def test_a_sequence_is_cut_at_holes_and_jumps(step, origin):
    numbers = step * np.concatenate([np.arange(30), np.arange(41, 70)])
    steps = np.full(58, 0.8)
    steps[29] = 0.8 * 12  # filmed on at the same speed
    centers = path(steps) + origin
    found = [places.tolist() for places in Cut().places(numbers, centers)]
    assert found == [[30], []]
    assert [p.tolist() for p in Cut(hole=12).places(numbers, centers)] == [[], []]
    steps[10] = 60.0  # another place, without a missing frame
    found = [places.tolist() for places in Cut().places(numbers, path(steps) + origin)]
    assert found == [[30], [11]]
    assert not len(Cut(jump=None).places(numbers, path(steps))[1])


def test_video_that_stands_and_goes_is_no_row_of_jumps():
    """A tenth of the time 2 cm a frame, else a tripod that trembles by 0.1 mm."""
    rng = np.random.default_rng(0)
    steps = np.abs(rng.normal(0, 1e-4, 999))
    steps[400:500] = 0.02
    numbers = np.arange(1000)
    assert [len(p) for p in Cut().places(numbers, path(steps) + FAR_OFF)] == [0, 0]
    assert [len(p) for p in Cut().places(numbers, path(np.zeros(999)))] == [0, 0]


def test_single_missing_frames_and_few_frames_are_no_cut():
    numbers = np.array([0, 1, 3, 4, 5, 9, 10])
    assert [len(p) for p in Cut().places(numbers, path(np.ones(6)))] == [0, 0]
    for count in (1, 2, 3):
        steps = 10.0 ** np.arange(count - 1)
        found = Cut().places(np.arange(count), path(steps))
        assert [len(p) for p in found] == [0, 0]


@pytest.mark.parametrize("name", ["hole", "jump"])
def test_cuts_need_positive_numbers(name):
    with pytest.raises(ValueError, match=f"`cut.{name}` must be positive, got 0"):
        Cut(**{name: 0})
