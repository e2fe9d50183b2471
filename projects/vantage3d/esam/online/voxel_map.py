"""The space that a stream has seen, in voxels, and which instance fills each one."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vantage3d.results.scene_instances import voxel_centres, voxel_keys

UNSEEN = -2  # a voxel that no frame has shown; -1 is one that nothing was found in
LEAST_SIGHT = 5  # voxels of an instance in a frame that shows its space
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

    def vote(self, at: NDArray[np.intp], claims: NDArray[np.int32]) -> None:
        """Votes of a frame for voxels that are known; -1 is no vote."""
        at, claims = at[claims >= 0], claims[claims >= 0]
        same = self.owners[at] == claims
        votes = np.minimum(self.votes[at] + np.where(same, 1, -1), MOST_VOTES)
        lost = ~same & (votes < 0)
        self.votes[at] = np.where(lost, 1, votes)
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


class VoxelMap:
    """Voxels and their instances: 13 bytes for each that was ever seen.

    A frame votes for the instance that it finds in a voxel, and against another one
    that has it; when more votes are against it than for it, the voxel changes hands.

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

    def in_sight(self, points: NDArray[np.float64]) -> NDArray[np.int64]:
        """Instances whose space points (N, 3) show, ascending."""
        owners = self.find(self.of_points(points)[0])
        ids, counts = np.unique(owners[owners >= 0], return_counts=True)
        return ids[counts >= LEAST_SIGHT].astype(np.int64)

    def claim(self, points: NDArray[np.float64], ids: NDArray[np.integer]) -> None:
        """Add what a frame shows.

        Args:
            points: (N, 3) metres.
            ids: (N,) instance of each, -1 for none. Of the points of one voxel the
                instance with the most counts.
        """
        keys, rows = self.of_points(points)
        base = int(ids.max(initial=-1)) + 2
        pairs = rows.ravel() * base + ids + 1  # one number sorts faster than two
        pairs, counts = np.unique(pairs, return_counts=True)
        row, claim = np.divmod(pairs, base)
        order = np.lexsort((counts, row))
        last = np.append(np.flatnonzero(np.diff(row[order])), len(order) - 1)
        claims = (claim[order][last] - 1).astype(np.int32)
        new = np.ones(len(keys), bool)
        for run in self._runs:
            at, known = run.places(keys)
            run.vote(at[known], claims[known])
            new &= ~known
        if new.any():
            keys, claims = keys[new], claims[new]
            self._runs.append(Run(keys, claims, (claims >= 0).astype(np.int8)))
            self._merge(least=2)

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
