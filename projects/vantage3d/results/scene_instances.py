"""Instances of frames put together to instances of a scene, by the space they fill."""

from collections import Counter
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from vantage3d.results.prediction import Instances, ScenePrediction

LEAST_SCORE = 0.3  # of instances that are shown
FINEST = 2**20  # voxels from the origin, as far as three numbers fit into 63 bits
# Of the voxels that both had a chance to have, and of all of the smaller one's, from
# which two are one.
SHARED, LEAST_SHARED = 0.5, 0.1


class SceneInstance(NamedTuple):
    """An instance of a scene.

    Attributes:
        number: Its place in the table.
        label: Name of its class.
        score: The best of its frames.
        frames: How many show it.
        points: How many points of the cloud it has.
    """

    number: int
    label: str
    score: float
    frames: int
    points: int


def voxel_keys(points: NDArray[np.floating], voxel_size: float) -> NDArray[np.int64]:
    """(N,) numbers of the voxels that points lie in.

    Raises:
        ValueError: If the scene is too large for voxels of that size.
    """
    cells = np.floor(points / voxel_size)
    if np.abs(cells).max(initial=0) >= FINEST:
        raise ValueError(
            f"a point lies {np.abs(points).max():.3g} from the origin, "
            f"{FINEST * voxel_size:.3g} is the most with voxels of {voxel_size:.3g}. "
            "Its depth or its pose is wrong"
        )
    x, y, z = (cells.astype(np.int64) + FINEST).T
    return (x << 42) | (y << 21) | z


def no_poses(scene: ScenePrediction) -> str:
    """Why frames cannot be put into one world; empty where they can.

    One frame alone stands in its camera.
    """
    if len(scene.frames) == 1:
        return ""
    for frame in scene.frames:
        if frame.cam2world is None:
            return (
                f"frame {frame.name} of scene {scene.name} has no pose, so its "
                f"{len(scene.frames)} frames do not stand in one world. Give poses "
                "with the recording, or predict them"
            )
    return ""


def check_posed(scene: ScenePrediction) -> None:
    """Refuse frames that cannot be put into one world.

    Raises:
        ValueError: If one of several has no pose.
    """
    if reason := no_poses(scene):
        raise ValueError(reason)


class SceneInstances:
    """Which instances of frames are one, found frame by frame.

    An instance of a frame is one that is known, of its class, if half of the voxels
    that both could have are common: those of the one that have an owner, or those of
    the other that the frame shows. Where it is so with several, these are joined in the
    end if more frames show them as one than as several. Voxels belong to whom had them
    first.

    Args:
        voxel_size: Side of the voxels.
        posed: Whether frames stand in one world; else every frame has its own.
    """

    def __init__(self, voxel_size: float, posed: bool) -> None:
        self.voxel_size, self.posed = voxel_size, posed
        self._known: list[SceneInstance] = []
        self._sizes = np.zeros(0, np.int64)  # voxels of each
        self._keys, self._owners = np.zeros((2, 0), np.int64)  # voxels, ascending
        self._as_one: Counter[tuple[int, int]] = Counter()  # frames less those against
        self._numbers: dict[int, NDArray[np.int32]] = {}

    def found(
        self,
        instances: Instances,
        kept: NDArray[np.bool_],
        points: NDArray[np.float64],
        frame: int,
    ) -> NDArray[np.int32]:
        """(N,) numbers of a frame's points until :meth:`joined`, -1 for none.

        Args:
            instances: Of the frame.
            kept: (h, w) pixels that have a point.
            points: (N, 3) of those.
            frame: Place of the frame.
        """
        if not self.posed:
            self._keys, self._owners = np.zeros((2, 0), np.int64)
        own, count = instances.ids(LEAST_SCORE)[kept], len(instances.scores)
        keys = voxel_keys(points[own >= 0], self.voxel_size)
        keys, row = np.unique(keys, return_inverse=True)
        pairs = np.unique(row * count + own[own >= 0])
        row, place = np.divmod(pairs, max(count, 1))
        owner, known = self._owner(keys)[row], len(self._known)
        met = owner >= 0
        shared = np.zeros((count, known), np.int64)
        np.add.at(shared, (place[met], owner[met]), 1)
        sizes = np.bincount(place, minlength=count)
        seen = shared.sum(0)  # voxels of those that are known, in this frame
        numbers = np.full(count, -1, np.int32)
        meets: list[list[int]] = []
        for one in np.unique(place):
            label = instances.classes[instances.labels[one]]
            least = LEAST_SHARED * np.minimum(sizes[one], self._sizes[:known])
            both = SHARED * np.minimum(shared[one].sum(), seen)
            enough = shared[one] >= np.maximum(1, np.maximum(both, least))
            fits = [n for n in np.flatnonzero(enough) if self._known[n].label == label]
            number = max(fits, key=lambda n: shared[one, n], default=len(self._known))
            self._seen(number, label, float(instances.scores[one]))
            numbers[one] = number
            meets.append(fits)
        self._vote(meets)
        self._own(keys[row[~met]], numbers[place[~met]])
        self._numbers[frame] = numbers
        return np.append(numbers, np.int32(-1))[own]

    def joined(self) -> tuple[NDArray[np.int32], dict[int, NDArray[np.int32]]]:
        """What numbers become in the end, the last being that of -1.

        Returns:
            (M + 1,) places in :meth:`table` by number, and by frame those of its
            instances, -1 of those that are not shown.
        """
        pairs = [pair for pair, votes in self._as_one.items() if votes > 0]
        a, b = np.array(pairs, np.intp).reshape(-1, 2).T
        size = len(self._known)
        graph = coo_matrix((np.ones(len(a)), (a, b)), (size, size))
        _, groups = connected_components(graph, directed=False)
        new = np.append(groups, -1).astype(np.int32)
        return new, {frame: new[numbers] for frame, numbers in self._numbers.items()}

    def table(self, places: NDArray[np.integer]) -> tuple[SceneInstance, ...]:
        """The instances that points have.

        Args:
            places: (N,) of points, -1 where there is none.
        """
        new, by_frame = self.joined()
        counts = Counter(places.tolist())
        shown = Counter(n for ns in by_frame.values() for n in np.unique(ns).tolist())
        rows: dict[int, SceneInstance] = {}
        for one, place in zip(self._known, new.tolist()):
            score = max(one.score, rows[place].score if place in rows else 0.0)
            facts = score, shown[place], counts[place]
            rows[place] = SceneInstance(place, one.label, *facts)
        return tuple(rows[place] for place in sorted(rows))

    def _owner(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """(N,) numbers that own voxels, -1 where nobody does."""
        if not len(self._keys):
            return np.full(len(keys), -1, np.int64)
        at = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        return np.where(self._keys[at] == keys, self._owners[at], -1)

    def _own(self, keys: NDArray[np.int64], numbers: NDArray[np.integer]) -> None:
        """Give voxels that nobody owns away, the first wins."""
        keys, first = np.unique(keys, return_index=True)
        self._sizes += np.bincount(numbers[first], minlength=len(self._known))
        whole = np.concatenate([self._keys, keys])
        order = np.argsort(whole, kind="stable")
        owners = np.concatenate([self._owners, numbers[first]])
        self._keys, self._owners = whole[order], owners[order]

    def _seen(self, number: int, label: str, score: float) -> None:
        """An instance of a frame is one of the scene, perhaps a new one."""
        if number == len(self._known):
            self._known.append(SceneInstance(number, label, score, 0, 0))
            self._sizes = np.append(self._sizes, 0)
        better = max(score, self._known[number].score)
        self._known[number] = self._known[number]._replace(score=better)

    def _vote(self, meets: list[list[int]]) -> None:
        """Known instances that one instance of a frame met are one, others are not."""
        for place, fits in enumerate(meets):
            self._as_one.update(combinations(sorted(fits), 2))
            for others in meets[place + 1 :]:
                apart = {(min(p), max(p)) for p in product(fits, others)}
                self._as_one.subtract((a, b) for a, b in apart if a != b)
