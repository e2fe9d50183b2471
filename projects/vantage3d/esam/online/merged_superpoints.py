"""Superpoints of a stream's frames, merged where they cover the same surface."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from vantage3d.esam.online.voxel_map import Held, VoxelMap

SAME = 0.5  # IoU of what two superpoints show again, above which they are one
MOST = 0.5  # of a superpoint's voxels, above which all of it is one instance's
Ids = NDArray[np.integer]


class MergedSuperpoints(VoxelMap):
    """Pieces of surface, each the superpoints of all frames that show it.

    A map whose voxels belong to merged superpoints in place of instances.

    Two superpoints are one where they cover more than half of each other, of the voxels
    that earlier frames and this one show: at most one of a frame can be. Each voxel
    then belongs to the one that most frames say, like those of instances, so a frame
    that cuts a superpoint in two, or takes two for one, is outvoted.

    Attributes:
        count: Merged superpoints that there ever were.
    """

    NAMES = (*VoxelMap.NAMES, "count")

    def __init__(self, voxel_size: float) -> None:
        super().__init__(voxel_size)
        self.count = 0

    def restore(self, arrays: Mapping[str, NDArray]) -> None:
        super().restore({name: arrays[name] for name in VoxelMap.NAMES})
        self.count = int(arrays["count"])

    def add(self, points: NDArray[np.float64], superpoints: Ids) -> Ids:
        """Merge those of a frame with what is known.

        Args:
            points: (N, 3) metres.
            superpoints: (N,) ids from 0 on, -1 for none.

        Returns:
            (S,) which merged one each of 0..S-1 is, -1 without a voxel of its own.
        """
        return self.merge(self.held(points, superpoints))

    def merge(self, held: Held) -> Ids:
        """As :meth:`add`."""
        merged = self._same(held.claims, self.find(held.keys))
        shown = np.unique(held.claims[held.claims >= 0])
        new = shown[merged[shown] < 0]
        merged[new] = self.count + np.arange(len(new))
        self.count += len(new)
        own = np.append(merged, -1)[held.claims].astype(np.int32)
        self.vote(held._replace(claims=own))
        return merged

    @staticmethod
    def _same(own: Ids, known: Ids) -> NDArray[np.int64]:
        """(S,) known ones that superpoints of a frame are, -1 of others.

        Args:
            own: (K,) superpoint of each voxel of the frame.
            known: (K,) merged one that has it so far.
        """
        number = int(own.max(initial=-1)) + 1
        kept = (own >= 0) & (known >= 0)
        others, other = np.unique(known[kept], return_inverse=True)
        common = np.zeros((number, len(others)), np.int64)
        np.add.at(common, (own[kept], other), 1)
        union = common.sum(1)[:, None] + common.sum(0) - common
        same = np.full(number, -1, np.int64)
        first, second = np.nonzero(common > SAME * union)
        same[first] = others[second]
        return same

    def decided(self, ids: NDArray[np.int32]) -> NDArray[np.int32]:
        """(V,) ids of the voxels, where more than half of a merged superpoint is one's.

        All of it is that instance's then, or nobody's; else each voxel keeps its own.

        Args:
            ids: (V,) instance of each voxel, -1 for none.
        """
        parts, base = self.owners, int(ids.max(initial=-1)) + 2
        kept = parts >= 0
        pairs, counts = np.unique(
            parts[kept].astype(np.int64) * base + ids[kept] + 1, return_counts=True
        )
        part, one = np.divmod(pairs, base)
        sizes = np.bincount(parts[kept], minlength=self.count)
        most = counts > MOST * sizes[part]
        winners = np.full(self.count + 1, -2, np.int64)
        winners[part[most]] = one[most] - 1
        own = winners[parts]  # the last one of voxels without a superpoint
        return np.where(own > -2, own, ids).astype(np.int32)


class SceneSuperpoints:
    """Superpoints of a scene's frames: merged, and as each frame has them.

    Attributes:
        merged: Those that cover the same surface are one.
        single: No two frames share one.
    """

    def __init__(self, voxel_size: float) -> None:
        self.merged, self.single = MergedSuperpoints(voxel_size), VoxelMap(voxel_size)
        self._count = 0

    def add(self, points: NDArray[np.float64], superpoints: Ids) -> None:
        """Take in those of a frame, as :meth:`MergedSuperpoints.add`."""
        held = self.merged.held(points, superpoints)
        self.merged.merge(held)
        own = np.where(held.claims >= 0, held.claims + self._count, -1)
        self.single.vote(held._replace(claims=own.astype(np.int32)))
        self._count += int(superpoints.max(initial=-1)) + 1
