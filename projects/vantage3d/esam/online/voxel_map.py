"""The space that a stream has seen, in voxels, and which instance fills each one."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.results.scene_instances import voxel_centres, voxel_keys

# Metres, of the space that instances fill: points of a frame are sparse, and finer
# voxels get too few votes.
VOXEL_SIZE = 0.05
UNSEEN = -2  # a voxel that no frame has shown; -1 is one that nothing was found in
LEAST_SIGHT = 5  # voxels of an instance in a frame that shows its space
UNJUDGED = 0.5  # agreement with an instance of which nothing was in sight before
MOST_VOTES = 10  # of a voxel for its instance, so that a change is seen in time


class Run(NamedTuple):
    """Some voxels, sorted; see :class:`VoxelMap` for the fields."""

    keys: NDArray[np.int64]
    owners: NDArray[np.int32]
    votes: NDArray[np.int8]

    def places(
        self, keys: NDArray[np.int64]
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """(K,) where keys are, and whether they are there at all."""
        if not len(self.keys):
            return np.zeros(len(keys), np.intp), np.zeros(len(keys), bool)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return at, self.keys[at] == keys

    def vote(
        self,
        at: NDArray[np.intp],
        claims: NDArray[np.int32],
        nobody: NDArray[np.bool_],
    ) -> None:
        """Votes of a frame for voxels that are known.

        Args:
            at: (K,) rows.
            claims: (K,) instances, -1 for none.
            nobody: (K,) whether -1 is a vote that the voxel is nobody's.
        """
        says = (claims >= 0) | nobody
        at, claims = at[says], claims[says]
        same = self.owners[at] == claims
        votes = np.minimum(self.votes[at] + np.where(same, 1, -1), MOST_VOTES)
        lost = ~same & (votes < 0)
        self.votes[at] = np.where(lost, claims >= 0, votes)
        self.owners[at[lost]] = claims[lost]

    def doubt(self, at: NDArray[np.intp]) -> None:
        """Votes against the instances of voxels; without any left it loses them."""
        at = at[self.owners[at] >= 0]
        lost = at[self.votes[at] == 0]
        self.votes[at] = np.maximum(self.votes[at] - 1, 0)
        self.owners[lost] = -1

    def merged(self, other: "Run") -> "Run":
        """The voxels of both, which share none."""
        where = np.searchsorted(self.keys, other.keys)
        return Run(*(np.insert(own, where, new) for own, new in zip(self, other)))


class Held(NamedTuple):
    """What the points of a frame say of voxels.

    Attributes:
        keys: (K,) different voxels, ascending.
        claims: (K,) the instance that most points of each say, -1 for none.
        empty: (K,) whether all of them say none.
    """

    keys: NDArray[np.int64]
    claims: NDArray[np.int32]
    empty: NDArray[np.bool_]


class Sight(NamedTuple):
    """What a frame shows of instances, by the space that they had before it.

    Attributes:
        ids: (M,) instances, ascending: what it finds, and what it shows five voxels of.
        agreement: (M,) IoU of where it finds one and what it shows of its space, of
            voxels that were known; :data:`UNJUDGED` if it shows nothing of that.
    """

    ids: NDArray[np.int64]
    agreement: NDArray[np.float64]


class VoxelMap:
    """Voxels and their instances: 13 bytes for each that was ever seen.

    A frame votes for the instance that it finds in a voxel, and against another one
    that has it; when more votes are against it than for it, the voxel changes hands.
    Where a frame finds an instance it may also speak against it everywhere else.

    Voxels lie in sorted runs, each at least twice as long as the next. What a frame
    adds is one more run, and runs that come too near in length are merged. So a frame
    costs what it shows and not what is known: a voxel is copied log2(V) times at most.

    Args:
        voxel_size: Metres.

    Attributes:
        keys: (V,) int64 ascending.
        owners: (V,) int32 instances, -1 for none.
        votes: (V,) int8.
    """

    NAMES = Run._fields

    def __init__(self, voxel_size: float) -> None:
        self.voxel_size = voxel_size
        empty = Run(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int8))
        self._runs = [empty]

    def __len__(self) -> int:
        return sum(len(run.keys) for run in self._runs)

    @property
    def nbytes(self) -> int:
        """What the voxels take."""
        return sum(array.nbytes for run in self._runs for array in run)

    @property
    def keys(self) -> NDArray[np.int64]:
        return self._whole().keys

    @property
    def owners(self) -> NDArray[np.int32]:
        return self._whole().owners

    @property
    def votes(self) -> NDArray[np.int8]:
        return self._whole().votes

    @property
    def points(self) -> NDArray[np.float64]:
        """(V, 3) middles of the voxels, metres."""
        return voxel_centres(self.keys, self.voxel_size)

    def restore(self, arrays: Mapping[str, NDArray]) -> None:
        """Take over the arrays of another map, by name."""
        self._runs = [Run(**arrays)]

    def of_points(
        self, points: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
        """The different voxels of points, ascending keys, and each point's row there.

        Raises:
            ValueError: If a point lies too far away for voxels of this size.
        """
        return np.unique(voxel_keys(points, self.voxel_size), return_inverse=True)

    def find(self, keys: NDArray[np.int64]) -> NDArray[np.int32]:
        """(K,) instances of voxels, -1 for none and :data:`UNSEEN` where it is new."""
        found = np.full(len(keys), UNSEEN, np.int32)
        for run in self._runs:
            at, known = run.places(keys)
            found[known] = run.owners[at[known]]
        return found

    def claim(
        self,
        points: NDArray[np.float64],
        ids: NDArray[np.integer],
        whole: bool = False,
    ) -> Sight:
        """Add what a frame shows.

        Args:
            points: (N, 3) metres.
            ids: (N,) instance of each, -1 for none. Of the points of one voxel the
                instance with the most counts.
            whole: Whether the frame finds all of an instance that it shows: then it
                votes against an instance it finds in voxels without a point of any.
        """
        return self.vote(self.held(points, ids), whole)

    def held(self, points: NDArray[np.float64], ids: NDArray[np.integer]) -> Held:
        """What :meth:`claim` would add."""
        keys, rows = self.of_points(points)
        base = int(ids.max(initial=-1)) + 2
        pairs = rows.ravel() * base + ids + 1  # one number sorts faster than two
        pairs, counts = np.unique(pairs, return_counts=True)
        row, claim = np.divmod(pairs, base)
        order = np.lexsort((counts, row))
        last = np.append(np.flatnonzero(np.diff(row[order])), len(order) - 1)
        empty = np.ones(len(keys), bool)
        empty[row[claim > 0]] = False
        return Held(keys, (claim[order][last] - 1).astype(np.int32), empty)

    def vote(self, held: Held, whole: bool = False) -> Sight:
        """As :meth:`claim`."""
        keys, claims, empty = held
        found = np.unique(claims[claims >= 0])
        before = np.full(len(keys), UNSEEN, np.int32)
        for run in self._runs:
            at, known = run.places(keys)
            at, rows = at[known], np.flatnonzero(known)
            before[rows] = run.owners[at]
            nobody = empty[rows] & np.isin(before[rows], found) & whole
            run.vote(at, claims[rows], nobody)
        new = before == UNSEEN
        if new.any():
            keys, own = keys[new], claims[new]
            self._runs.append(Run(keys, own, (own >= 0).astype(np.int8)))
            self._merge(least=2)
        return _sight(before, claims)

    def doubt(self, points: NDArray[np.float64]) -> None:
        """Vote against the instances of the voxels that points (N, 3) lie in.

        One that has no more votes for it loses the voxel to nobody.
        """
        keys = self.of_points(points)[0]
        for run in self._runs:
            at, known = run.places(keys)
            run.doubt(at[known])

    def _merge(self, least: float) -> None:
        """Make runs at least so many times as long as the next."""
        runs = self._runs
        while len(runs) > 1 and len(runs[-2].keys) < least * len(runs[-1].keys):
            runs[-2:] = [runs[-2].merged(runs[-1])]

    def _whole(self) -> Run:
        """All voxels, in one run from now on."""
        self._merge(np.inf)
        return self._runs[0]


def _sight(before: NDArray[np.int32], claims: NDArray[np.int32]) -> Sight:
    """What a frame shows, of (K,) its voxels: whose they were, and what it finds."""
    every = np.concatenate([before, claims])
    ids = np.unique(every[every >= 0])

    def counted(of: NDArray[np.int32]) -> NDArray[np.intp]:
        return np.bincount(np.searchsorted(ids, of[of >= 0]), minlength=len(ids))

    shown, found = counted(before), counted(claims)
    common = counted(claims[before == claims])
    union = shown + counted(claims[before != UNSEEN]) - common
    agreement = np.where(shown > 0, common / np.maximum(union, 1), UNJUDGED)
    kept = (found > 0) | (shown >= LEAST_SIGHT)
    return Sight(ids[kept].astype(np.int64), agreement[kept])
