"""Which frames go together, against the rule as it is written in the specification."""

import numpy as np
import pytest

from vantage3d.views.gap_windows import window_positions, windows_of_numbers


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
    windows = window_positions(n, length, gap)
    expected = [[i, *references(i, n, length, gap)] for i in range(n)]
    assert windows.tolist() == expected
    assert windows.min() >= 0 and windows.max() < n


def test_a_triplet_by_hand():
    windows = window_positions(100, 3, 20).tolist()
    assert windows[0] == [0, 20, 40]
    assert windows[19] == [19, 39, 59]
    assert windows[20] == [20, 0, 40]
    assert windows[79] == [79, 59, 99]
    assert windows[80] == [80, 40, 60]


def test_short_scenes_have_no_windows():
    assert window_positions(59, 3, 20).shape == (0, 3)
    assert len(window_positions(60, 3, 20)) == 60
    assert len(windows_of_numbers(np.array([4]), 2, 1)[0]) == 0


def test_frames_that_lack_cost_the_samples_that_need_them():
    numbers = np.array([n for n in range(5, 25) if n not in (9, 20)])
    windows, broken = windows_of_numbers(numbers, 3, 2)
    found = numbers[windows]
    whole = window_positions(20, 3, 2) + 5
    expected = [w for w in whole.tolist() if not {9, 20} & set(w)]
    assert found.tolist() == expected
    assert broken == 20 - 2 - len(expected) > 0


def test_regularly_exported_frames_keep_their_numbers():
    numbers = np.arange(0, 200, 25)
    windows, broken = windows_of_numbers(numbers, 3, 50)
    assert numbers[windows].tolist() == (25 * window_positions(8, 3, 2)).tolist()
    assert broken == 0
    with pytest.raises(ValueError, match=r"`seq_gap` 20 .* multiple of 25, .* Use 2"):
        windows_of_numbers(numbers, 3, 20)
