"""The map of a stream against a dictionary of voxels."""

from collections import Counter

import numpy as np

from vantage3d.esam.online.voxel_map import MOST_VOTES, UNSEEN, Run, VoxelMap

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

    def claim(self, points, ids) -> None:
        members: dict[tuple, Counter] = {}
        for cell, one in zip(np.floor(points / SIZE).astype(int).tolist(), ids):
            members.setdefault(tuple(cell), Counter())[int(one)] += 1
        for cell, counts in members.items():
            claim = max(counts, key=lambda one: (counts[one], one))
            if cell not in self.voxels:
                self.voxels[cell] = [claim, int(claim >= 0)]
            elif claim >= 0:
                self.vote(self.voxels[cell], claim)

    @staticmethod
    def vote(voxel: list[int], claim: int) -> None:
        voxel[1] = min(voxel[1] + (1 if voxel[0] == claim else -1), MOST_VOTES)
        if voxel[1] < 0:
            voxel[:] = [claim, 1]


def test_voxels_are_those_of_a_dictionary():
    ours, slow = VoxelMap(SIZE), Slow()
    for points, ids in views(12):
        ours.claim(points, ids)
        slow.claim(points, ids)
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
