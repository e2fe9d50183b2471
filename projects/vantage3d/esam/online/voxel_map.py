"""The space that a stream has seen, in voxels, and which instance fills each one."""

import numpy as np
from numpy.typing import NDArray

from vantage3d.results.scene_instances import voxel_centres, voxel_keys

UNSEEN = -2  # a voxel that no frame has shown; -1 is one that nothing was found in
MOST_VOTES = 10  # of a voxel for its instance, so that a change is seen in time


class VoxelMap:
    """Voxels and their instances: 13 bytes for each that was ever seen.

    A frame votes for the instance that it finds in a voxel, and against another one
    that has it; when more votes are against it than for it, the voxel changes hands.

    Args:
        voxel_size: Metres.

    Attributes:
        keys: (V,) int64 ascending.
        owners: (V,) int32 instances, -1 for none.
        votes: (V,) int8.
    """

    NAMES = ("keys", "owners", "votes")

    def __init__(self, voxel_size: float) -> None:
        self.voxel_size = voxel_size
        self.keys = np.zeros(0, np.int64)
        self.owners, self.votes = np.zeros(0, np.int32), np.zeros(0, np.int8)

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def points(self) -> NDArray[np.float64]:
        """(V, 3) middles of the voxels, metres."""
        return voxel_centres(self.keys, self.voxel_size)

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
        at, known = self._places(keys)
        found = np.full(len(keys), UNSEEN, np.int32)
        found[known] = self.owners[at[known]]
        return found

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
        at, known = self._places(keys)
        self._vote(at[known], claims[known])
        new = ~known
        where = np.searchsorted(self.keys, keys[new])
        self.keys = np.insert(self.keys, where, keys[new])
        self.owners = np.insert(self.owners, where, claims[new])
        self.votes = np.insert(self.votes, where, (claims[new] >= 0).astype(np.int8))

    def doubt(self, points: NDArray[np.float64]) -> None:
        """Vote against the instances of the voxels that points (N, 3) lie in.

        One that has no more votes for it loses the voxel to nobody.
        """
        at, known = self._places(self.of_points(points)[0])
        at = at[known]
        at = at[self.owners[at] >= 0]
        lost = at[self.votes[at] == 0]
        self.votes[at] = np.maximum(self.votes[at] - 1, 0)
        self.owners[lost] = -1

    def _places(
        self, keys: NDArray[np.int64]
    ) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """(K,) where keys are, and whether they are there at all."""
        if not len(self.keys):
            return np.zeros(len(keys), np.intp), np.zeros(len(keys), bool)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return at, self.keys[at] == keys

    def _vote(self, at: NDArray[np.intp], claims: NDArray[np.int32]) -> None:
        """Votes of a frame for voxels that are known; -1 is no vote."""
        at, claims = at[claims >= 0], claims[claims >= 0]
        same = self.owners[at] == claims
        votes = np.minimum(self.votes[at] + np.where(same, 1, -1), MOST_VOTES)
        lost = ~same & (votes < 0)
        self.votes[at] = np.where(lost, 1, votes)
        self.owners[at[lost]] = claims[lost]
