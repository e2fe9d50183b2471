"""The map of a stream against a dictionary of voxels."""

from collections import Counter

import numpy as np
import pytest

from vantage3d.esam.online.voxel_map import (
    LEAST_SIGHT,
    MOST_VOTES,
    UNJUDGED,
    UNSEEN,
    Run,
    VoxelMap,
)

SIZE = 0.1


def views(number: int, seed: int = 0):
    """Points around the origin, and an instance of each, -1 for none."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        yield rng.uniform(-0.3, 0.3, (80, 3)), rng.integers(-1, 4, 80)


class Slow:
    """The rule, voxel by voxel."""

    def __init__(self) -> None:
        self.voxels: dict[tuple, list[int]] = {}  # owner, votes

    def claim(self, points, ids, whole) -> None:
        members: dict[tuple, Counter] = {}
        for cell, one in zip(np.floor(points / SIZE).astype(int).tolist(), ids):
            members.setdefault(tuple(cell), Counter())[int(one)] += 1
        claims = {
            cell: max(counts, key=lambda one: (counts[one], one))
            for cell, counts in members.items()
        }
        found = set(claims.values()) - {-1} if whole else set()
        for cell, claim in claims.items():
            if cell not in self.voxels:
                self.voxels[cell] = [claim, int(claim >= 0)]
            elif claim >= 0 or (
                set(members[cell]) == {-1} and self.voxels[cell][0] in found
            ):
                self.vote(self.voxels[cell], claim)

    @staticmethod
    def vote(voxel: list[int], claim: int) -> None:
        voxel[1] = min(voxel[1] + (1 if voxel[0] == claim else -1), MOST_VOTES)
        if voxel[1] < 0:
            voxel[:] = [claim, int(claim >= 0)]


@pytest.mark.parametrize("whole", [False, True])
def test_voxels_are_those_of_a_dictionary(whole):
    ours, slow = VoxelMap(SIZE), Slow()
    for points, ids in views(12):
        ours.claim(points, ids, whole)
        slow.claim(points, ids, whole)
        cells = map(tuple, np.floor(ours.points / SIZE).astype(int).tolist())
        found = {cell: [o, v] for cell, o, v in zip(cells, ours.owners, ours.votes)}
        assert found == slow.voxels
    assert (np.diff(ours.keys) > 0).all()
    assert len(set(ours.owners.tolist())) == 5  # nobody, and four instances


def test_the_middle_of_a_voxel_lies_in_it():
    ours, (points, ids) = VoxelMap(SIZE), next(views(1))
    ours.claim(points - 40, ids)
    middles = ours.points
    keys, _ = ours.of_points(middles)
    np.testing.assert_array_equal(keys, ours.keys)
    np.testing.assert_allclose(middles, (np.floor(middles / SIZE) + 0.5) * SIZE)


def test_new_voxels_are_told_from_empty_ones():
    ours = VoxelMap(SIZE)
    ours.claim(np.array([[0.05, 0, 0]]), np.array([-1]))
    keys, _ = ours.of_points(np.array([[0.05, 0, 0], [0.15, 0, 0]]))
    assert ours.find(keys).tolist() == [-1, UNSEEN]


def test_a_voxel_takes_its_bytes_and_no_more_when_seen_again():
    ours, (points, ids) = VoxelMap(SIZE), next(views(1))
    for _ in range(300):
        ours.claim(points, ids)
    size = sum(getattr(ours, name).nbytes for name in ours.NAMES)
    assert size == 13 * len(ours) and ours.votes.max() == MOST_VOTES


def test_doubt_takes_votes_and_then_the_voxel():
    ours, at = VoxelMap(SIZE), np.array([[0.05, 0, 0], [0.15, 0, 0], [0.25, 0, 0]])
    for _ in range(2):
        ours.claim(at[:2], np.array([4, -1]))
    owners = []
    for _ in range(4):
        ours.doubt(np.repeat(at, 3, axis=0))  # once a frame, however many points
        owners.append(ours.find(ours.of_points(at)[0]).tolist())
    assert owners == [[4, -1, UNSEEN]] * 2 + [[-1, -1, UNSEEN]] * 2
    assert ours.votes.tolist() == [0, 0]


def line(first: int, last: int) -> np.ndarray:
    """A point in each of some voxels."""
    cells = (np.arange(first, last) + 0.5) * SIZE
    return np.stack([cells, 0 * cells, 0 * cells], 1)


def test_agreement_is_iou_of_what_was_known_and_is_seen_again():
    ours = VoxelMap(SIZE)
    ids = np.where(np.arange(20) < 10, 3, -1)
    ours.claim(line(0, 20), ids)
    # of 3 it shows 2..9, and finds it in 4..11; nothing was known of 5, nor of 20..
    points = np.concatenate([line(2, 12), line(20, 24)])
    sight = ours.claim(points, np.repeat([-1, 3, 5], [2, 8, 4]))
    assert sight.ids.tolist() == [3, 5]
    assert sight.agreement.tolist() == [6 / 10, UNJUDGED]


def test_what_is_in_sight_shows_a_few_voxels_or_is_found():
    ours = VoxelMap(SIZE)
    ours.claim(line(0, 20), np.repeat([3, 4], 10))
    for shown, ids in ((LEAST_SIGHT, [3]), (LEAST_SIGHT - 1, [])):
        sight = ours.claim(line(0, shown), np.full(shown, -1))
        assert sight.ids.tolist() == ids and not sight.agreement.any()
    assert ours.claim(line(0, 1), np.array([3])).ids.tolist() == [3]


def test_where_an_instance_is_not_found_it_loses_what_one_frame_gave_it():
    """A mask that ran over its edge once; and a frame that misses it says nothing."""
    ours = VoxelMap(SIZE)
    ours.claim(line(0, 10), np.full(10, 3), whole=True)
    for _ in range(5):
        ours.claim(line(0, 10), np.full(10, -1), whole=True)
    assert ours.owners.tolist() == [3] * 10
    owners = []
    for _ in range(3):
        ours.claim(line(0, 10), np.where(np.arange(10) < 6, 3, -1), whole=True)
        owners.append(ours.owners.tolist())
    assert owners == [[3] * 10] + [[3] * 6 + [-1] * 4] * 2


def test_a_voxel_is_copied_as_often_as_the_map_has_doubled(monkeypatch):
    copied, merged, number = [], Run.merged, 512

    def counted(run, other):
        copied.append(len(run.keys) + len(other.keys))
        return merged(run, other)

    monkeypatch.setattr(Run, "merged", counted)
    ours = VoxelMap(SIZE)
    for row in range(number):  # one new voxel a frame, and one that is known
        at = np.array([[row, 0, 0], [row // 2, 0, 0]]) * SIZE + SIZE / 2
        ours.claim(at, np.array([row, row]))
    assert sum(copied) <= number * (1 + np.log2(number))
    assert len(ours) == number == len(ours.keys)
