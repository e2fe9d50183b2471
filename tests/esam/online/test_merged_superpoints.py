"""Superpoints along a line, of frames that cut and join them."""

import numpy as np
import pytest

from vantage3d.esam.online.merged_superpoints import MergedSuperpoints

SIZE = 0.1
CELLS = (np.arange(10) + 0.5) * SIZE
POINTS = np.stack([CELLS, np.zeros(10), np.zeros(10)], 1)


def frame(merged: MergedSuperpoints, text: str, begin: int = 0) -> list[int]:
    """Add a frame of superpoints a, b.. by cell from ``begin`` on, - is none."""
    ids = np.array(["-abcdef".index(letter) - 1 for letter in text])
    points = POINTS[: len(text)] + np.array([begin * SIZE, 0, 0])
    return merged.add(np.repeat(points, 3, axis=0), np.repeat(ids, 3)).tolist()


@pytest.fixture
def merged() -> MergedSuperpoints:
    return MergedSuperpoints(SIZE)


def test_what_covers_the_same_surface_is_one(merged):
    """Of what both frames show: neither new surface nor what is hidden counts."""
    assert frame(merged, "aaaaaabb") == [0, 1]
    assert frame(merged, "bbaaaaaa", begin=4) == [1, 0]
    assert merged.owners.tolist() == [0] * 6 + [1] * 6


def test_less_than_half_of_each_other_is_two(merged):
    frame(merged, "aaaaaaaa")
    assert frame(merged, "aaaabbbb") == [1, 2]  # IoU of 0.5 each, not more
    assert merged.owners.tolist() == [0] * 8


def test_a_frame_that_cuts_one_in_two_is_outvoted_and_three_are_not(merged):
    frame(merged, "aaaaaaaaaa")
    assert frame(merged, "aaaaaabbbb") == [0, 1]
    assert merged.owners.tolist() == [0] * 10
    assert frame(merged, "aaaaaabbbb") == [0, 2]
    assert merged.owners.tolist() == [0] * 6 + [2] * 4
    assert frame(merged, "aaaaaabbbb") == [0, 2]


def test_a_bad_frame_that_takes_two_for_one_is_outvoted(merged):
    for _ in range(3):
        assert frame(merged, "aaaaaabbbb") == [0, 1]
    assert frame(merged, "aaaaaaaaaa") == [0]
    assert frame(merged, "bbbbbbaaaa") == [1, 0]
    assert merged.owners.tolist() == [0] * 6 + [1] * 4


def test_what_is_seen_again_adds_nothing(merged):
    for _ in range(50):
        frame(merged, "aaaa--cccc")  # b has no voxel
    assert merged.count == 2 and merged.nbytes == 13 * 10


def test_a_frame_without_superpoints_shows_its_space(merged):
    assert frame(merged, "----") == []
    assert merged.owners.tolist() == [-1] * 4
    assert frame(merged, "aaaa") == [0]


def test_more_than_half_decides_and_else_each_voxel_does(merged):
    """The votes of voxels are the sightings; voxels without superpoint decide alone."""
    frame(merged, "aaaaabbbb-")
    for own, expected in (
        ([4, 4, 4, 7, -1, 7, 7, -1, -1, 9], [4] * 5 + [7, 7, -1, -1] + [9]),
        ([-1, -1, -1, 4, 4, 7, 7, 7, 4, -1], [-1] * 5 + [7] * 4 + [-1]),
        ([4, 4, 7, 7, -1, -1, -1, -1, -1, 4], [4, 4, 7, 7, -1, -1, -1, -1, -1, 4]),
    ):
        ids = np.array(own, np.int32)
        decided = merged.decided(ids)
        assert decided.tolist() == expected and decided.dtype == np.int32
        assert ids.tolist() == own


def test_a_bad_frame_does_not_change_whose_a_surface_is():
    """Voxel by voxel its votes would win where nothing else has been seen."""
    merged = MergedSuperpoints(SIZE)
    frame(merged, "aaaaaa")
    frame(merged, "aaaaaa", begin=4)
    assert merged.decided(np.array([3] * 8 + [5] * 2, np.int32)).tolist() == [3] * 10


def test_merging_goes_on_where_it_was_saved(merged):
    frame(merged, "aaaaaaaaaa")
    frame(merged, "aaaaaabbbb")  # the second one is known, and has no voxel
    again = MergedSuperpoints(SIZE)
    arrays = {name: np.array(getattr(merged, name)) for name in merged.NAMES}
    again.restore(arrays)
    for text in ("aaaaaabbbb", "abcdefabcd", "bbbbbbaaaa"):
        assert frame(merged, text) == frame(again, text)
    for name in merged.NAMES:
        np.testing.assert_array_equal(getattr(merged, name), getattr(again, name))
    assert MergedSuperpoints(SIZE).decided(np.zeros(0, np.int32)).tolist() == []
