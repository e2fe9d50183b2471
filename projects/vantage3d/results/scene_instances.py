"""Instances of frames put together to instances of a scene, by the space they fill."""

from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from vantage3d.results.prediction import Instances, ScenePrediction

LEAST_SCORE = 0.3  # of instances that are shown
FINEST = 2**20  # voxels from the origin, as far as three numbers fit into 63 bits
# Share of an instance's voxels that are known, and of all that it has in a frame, from
# which it is the one that most of them belong to.
MOSTLY, ENOUGH = 0.5, 0.1


class SceneInstance(NamedTuple):
    """An instance of a scene.

    Attributes:
        number: Its place in the table.
        label: Name of its class.
        score: The best of its frames.
        frames: How many show it.
    """

    number: int
    label: str
    score: float
    frames: int


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


def voxel_centres(keys: NDArray[np.int64], voxel_size: float) -> NDArray[np.float64]:
    """(N, 3) middles of the voxels that :func:`voxel_keys` numbers."""
    cells = np.stack([keys >> 42, (keys >> 21) % (1 << 21), keys % (1 << 21)], 1)
    return (cells - FINEST + 0.5) * voxel_size


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

    Voxels belong to the instance that had them first. An instance of a frame is the one
    of its class that most of its known voxels belong to. Where it covers most of what
    the frame shows of two that are known, it votes for these being one, and where two
    instances do so, against it; in the end they are joined from the clearest pair on,
    as long as votes between all their parts are for it.

    Args:
        voxel_size: Side of the voxels.
        posed: Whether frames stand in one world; else every frame has its own.
    """

    def __init__(self, voxel_size: float, posed: bool) -> None:
        self.voxel_size, self.posed = voxel_size, posed
        self._known: list[SceneInstance] = []
        self._sizes = np.zeros(0, np.int64)  # voxels of each
        self._keys, self._owners = np.zeros((2, 0), np.int64)  # voxels, ascending
        self._votes: Counter[tuple[int, int]] = Counter()  # for two being one
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
        numbers = np.full(count, -1, np.int32)
        for one in np.unique(place):
            label = instances.classes[instances.labels[one]]
            own_kind = [known.label == label for known in self._known]
            enough = max(1, MOSTLY * shared[one].sum(), ENOUGH * sizes[one])
            fits = shared[one] * own_kind[:known]
            number = len(self._known)
            if known and fits.max() >= enough:
                number = int(fits.argmax())
            self._seen(number, label, float(instances.scores[one]))
            numbers[one] = number
        self._vote(shared, [instances.classes[k] for k in instances.labels])
        self._own(keys[row[~met]], numbers[place[~met]])
        self._numbers[frame] = numbers
        return np.append(numbers, np.int32(-1))[own]

    def joined(self) -> tuple[NDArray[np.int32], dict[int, NDArray[np.int32]]]:
        """What numbers become in the end, the last being that of -1.

        Returns:
            (M + 1,) places in :meth:`table` by number, and by frame those of its
            instances, -1 of those that are not shown.
        """
        groups = _joined(len(self._known), self._votes)
        new = np.append(groups, -1).astype(np.int32)
        return new, {frame: new[numbers] for frame, numbers in self._numbers.items()}

    def table(self) -> tuple[SceneInstance, ...]:
        """The instances, joined."""
        new, by_frame = self.joined()
        shown = Counter(n for ns in by_frame.values() for n in np.unique(ns).tolist())
        rows: dict[int, SceneInstance] = {}
        for one, place in zip(self._known, new.tolist()):
            score = max(one.score, rows[place].score if place in rows else 0.0)
            rows[place] = SceneInstance(place, one.label, score, shown[place])
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
            self._known.append(SceneInstance(number, label, score, 0))
            self._sizes = np.append(self._sizes, 0)
        better = max(score, self._known[number].score)
        self._known[number] = self._known[number]._replace(score=better)

    def _vote(self, shared: NDArray[np.integer], labels: list[str]) -> None:
        """Of known instances that a frame shows, which are in one of its own.

        Args:
            shared: (M, K) voxels that its instances and the known ones have in common.
            labels: Of its instances.
        """
        seen = shared.sum(0)
        sizes = self._sizes[: shared.shape[1]]
        shown = np.flatnonzero((seen > 0) & (seen >= ENOUGH * sizes))
        homes = [
            (int(known), int(home))
            for known, home in zip(shown, shared[:, shown].argmax(0))
            if shared[home, known] >= MOSTLY * seen[known]
            and labels[home] == self._known[known].label
        ]
        for (a, home), (b, other) in combinations(homes, 2):
            self._votes[a, b] += 1 if home == other else -1


class TrackedInstances:
    """The same of frames whose instances have ids for the whole scene already."""

    def __init__(self) -> None:
        self._tracks: dict[int, NDArray[np.int64]] = {}  # by frame, -1 if not shown
        self._best: dict[int, float] = {}
        self._labels: dict[int, Counter[str]] = {}

    def found(
        self,
        instances: Instances,
        kept: NDArray[np.bool_],
        points: NDArray[np.float64],
        frame: int,
    ) -> NDArray[np.int32]:
        """As :meth:`SceneInstances.found`."""
        if instances.tracks is None:
            raise ValueError(
                f"frame {frame} of the scene has no `tracks` and others have: ids are "
                "of all frames of a stream, or of none"
            )
        own = instances.ids(LEAST_SCORE)[kept]
        shown = instances.scores >= LEAST_SCORE
        self._tracks[frame] = tracks = np.where(shown, instances.tracks, -1)
        for row in np.flatnonzero(shown):
            track, score = int(tracks[row]), float(instances.scores[row])
            self._best[track] = max(score, self._best.get(track, 0.0))
            votes = self._labels.setdefault(track, Counter())
            votes[instances.classes[instances.labels[row]]] += 1
        return np.append(tracks, -1)[own].astype(np.int32)

    def joined(self) -> tuple[NDArray[np.int32], dict[int, NDArray[np.int32]]]:
        """As :meth:`SceneInstances.joined`: ids without gaps."""
        ids = sorted(self._best)
        new = np.full(max(ids, default=-1) + 2, -1, np.int32)
        new[ids] = np.arange(len(ids))
        return new, {frame: new[tracks] for frame, tracks in self._tracks.items()}

    def table(self) -> tuple[SceneInstance, ...]:
        """The instances in the order of their ids."""
        shown = Counter(
            t for ts in self._tracks.values() for t in np.unique(ts).tolist()
        )
        return tuple(
            SceneInstance(
                place, self._labels[t].most_common(1)[0][0], self._best[t], shown[t]
            )
            for place, t in enumerate(sorted(self._best))
        )


def _joined(count: int, votes: Mapping[tuple[int, int], int]) -> NDArray[np.intp]:
    """(count,) groups of what belongs together, from the clearest pair on.

    Args:
        count: How many there are.
        votes: Of pairs, the smaller number first: above zero for being one.
    """
    pairs = np.array([p for p, v in votes.items() if v > 0], np.intp).reshape(-1, 2)
    graph = coo_matrix((np.ones(len(pairs)), pairs.T), (count, count))
    _, linked = connected_components(graph, directed=False)
    groups = np.arange(count)
    for number in np.unique(linked[pairs]):
        members = np.flatnonzero(linked == number)
        place = {member: row for row, member in enumerate(members.tolist())}
        table = np.zeros((len(members), len(members)))
        for (a, b), vote in votes.items():
            if a in place and b in place:
                table[place[a], place[b]] = table[place[b], place[a]] = vote
        while table.max() > 0:
            a, b = map(int, np.unravel_index(table.argmax(), table.shape))
            groups[groups == members[b]] = members[a]
            table[a] += table[b]
            table[:, a] = table[a]
            table[a, a] = 0
            table[b] = table[:, b] = -np.inf
    return np.unique(groups, return_inverse=True)[1]
