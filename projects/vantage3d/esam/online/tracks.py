"""What a frame shows, and what is known of the instances of a stream so far."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from mmdet3d.structures import PointData
from numpy.typing import NDArray

from vantage3d.esam.online.voxel_map import Sight

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

# Of AutoSeg3D's description, in frames.
MISSED = 50  # without a detection, after which an instance is not looked for any more
AGE = 100  # after which the vector of a detection does not count any more


class Detections(NamedTuple):
    """Instances of one frame.

    Attributes:
        masks: (I, N) bool over the points.
        labels: (I,) places among the classes.
        scores: (I,) higher is better.
        points: (N, 3) in the world, metres.
        feats: (I, D) unit vectors that tell instances apart; None without.
        boxes: (I, 6) smallest and largest corner, metres; None without.
        shares: (I, classes) how likely each class is, of sum 1; None where a label is
            all that is known.
        track_feats: (I, E) unit vectors of a tracker, for instances of earlier frames;
            None without.
        part_feats: (I, E) unit vectors of a tracker, for detections of the same frame;
            None without.
    """

    masks: NDArray[np.bool_]
    labels: Ids
    scores: Floats
    points: Floats
    feats: Floats | None = None
    boxes: Floats | None = None
    shares: Floats | None = None
    track_feats: Floats | None = None
    part_feats: Floats | None = None

    @classmethod
    def of(cls, found: PointData, points: Floats) -> "Detections":
        """What a model says of (N, 3) points of a frame, in the world, metres."""
        names = ("feats", "boxes", "track_feats", "part_feats")
        given = {name: found.get(f"instance_{name}") for name in names}
        return cls(
            found.pts_instance_mask[0],
            found.instance_labels,
            found.instance_scores.astype(np.float64),
            points,
            **{n: v.astype(np.float64) for n, v in given.items() if v is not None},
        )

    def kept(self, rows: NDArray) -> "Detections":
        """Some of the instances."""
        of_all = {"points": self.points}
        return Detections(
            **{
                name: value if name in of_all or value is None else value[rows]
                for name, value in self._asdict().items()
            }
        )

    def best(self, least_score: float, most: int | None = None) -> "Detections":
        """Those of at least ``least_score``, the ``most`` best of them; None for all.

        Of equal scores the first ones.
        """
        rows = np.flatnonzero(self.scores >= least_score)
        rank = np.argsort(-self.scores[rows], kind="stable")[:most]
        return self.kept(np.sort(rows[rank]))

    def owners(self) -> Ids:
        """(N,) the best of each point's instances, -1 for none."""
        owners = np.full(len(self.points), -1, np.int64)
        for place in np.argsort(self.scores, kind="stable"):
            owners[self.masks[place]] = place
        return owners


class Tracks:
    """The instances of a stream; a row is an id, and ids are given in order.

    Vectors, boxes and scores are means over all detections.

    Args:
        classes: How many classes there are.

    Attributes:
        counts: (M,) detections.
        frames: (M,) frames that show it.
        sights: (M,) frames that show it or its space.
        first: (M,) place of the first frame in the stream.
        last: (M,) place of the last one.
        scores: (M,).
        agreed: (M,) sums over frames of the best score times the agreement with what
            was known of its space.
        votes: (M, classes) sums of scores by class, or of scores times shares.
        feats: (M, D) float32, of no length 1; (M, 0) without.
        boxes: (M, 6); (M, 0) without.
        lately_ids: (R,) whose detections those of the last frames were.
        lately_at: (R,) places of these frames.
        lately_feats: (R, E) vectors of a tracker that they had; (0, 0) without.
    """

    ROWS = (
        "counts", "frames", "sights", "first", "last", "scores", "agreed",
        "votes", "feats", "boxes",
    )  # fmt: skip
    NAMES = (*ROWS, "lately_ids", "lately_at", "lately_feats")

    def __init__(self, classes: int) -> None:
        self.counts, self.frames, self.sights = np.zeros((3, 0), np.int64)
        self.first, self.last = np.zeros((2, 0), np.int64)
        self.scores, self.agreed = np.zeros((2, 0))
        self.votes = np.zeros((0, classes))
        self.feats, self.boxes = np.zeros((0, 0)), np.zeros((0, 0))
        self.lately_ids, self.lately_at = np.zeros((2, 0), np.int64)
        self.lately_feats = np.zeros((0, 0))
        # rows that the arrays grow into, a quarter more when they are full
        self._room: dict[str, NDArray] = {name: np.zeros(0) for name in self.ROWS}

    def __len__(self) -> int:
        return len(self.counts)

    @property
    def labels(self) -> Ids:
        """(M,) the class with most votes."""
        return self.votes.argmax(1)

    @property
    def label_scores(self) -> Floats:
        """(M,) share of the votes that the class has."""
        return self.votes.max(1) / np.maximum(self.votes.sum(1), 1e-12)

    @property
    def confidence(self) -> Floats:
        """(M,) :attr:`agreed` / (m + 1) of the m frames that show its space.

        The mean of score times agreement, and of one frame more that does not find it.
        """
        return self.agreed / (self.sights + 1)

    def observe(self, ids: Ids, found: Detections, place: int, sight: Sight) -> None:
        """Add a frame's detections.

        Args:
            ids: (I,) of each; the next free ones begin a row.
            found: The detections.
            place: Of the frame in the stream.
            sight: What the frame shows of instances.
        """
        self._grow(int(ids.max(initial=-1)) + 1, found, place)
        shares = found.shares
        if shares is None:
            shares = np.eye(self.votes.shape[1])[found.labels]
        for row, track in enumerate(ids.tolist()):
            count = self.counts[track]
            for name in ("scores", "feats", "boxes"):
                new = getattr(found, name)
                if new is not None:
                    mean = getattr(self, name)
                    mean[track] = (mean[track] * count + new[row]) / (count + 1)
            self.votes[track] += found.scores[row] * shares[row]
            self.counts[track] += 1
        shown = np.unique(ids)
        self.frames[shown] += 1
        self.sights[np.union1d(shown, sight.ids)] += 1
        best = np.zeros(len(self))
        np.maximum.at(best, ids, found.scores)
        self.agreed[sight.ids] += best[sight.ids] * sight.agreement
        self.last[shown] = place
        if found.track_feats is not None:
            self._remember(ids, found.track_feats, place)

    def lately(self) -> tuple[Ids, Floats]:
        """Instances that a tracker looks for.

        Returns:
            (T,) ids, ascending, and (T, E) unit vectors, means of their last ones.
        """
        ids, row = np.unique(self.lately_ids, return_inverse=True)
        sums = np.zeros((len(ids), self.lately_feats.shape[1]))
        np.add.at(sums, row, self.lately_feats)
        return ids, sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)

    def _remember(self, ids: Ids, feats: Floats, place: int) -> None:
        """Add a frame's vectors, and leave out what is too old for the next one."""
        old = self.lately_feats if len(self.lately_ids) else feats[:0]
        every = np.concatenate([self.lately_ids, ids])
        at = np.concatenate([self.lately_at, np.full(len(ids), place)])
        kept = (place - at < AGE) & (place - self.last[every] <= MISSED)
        self.lately_ids, self.lately_at = every[kept], at[kept]
        self.lately_feats = np.concatenate([old, feats])[kept]

    def restore(self, arrays: Mapping[str, NDArray]) -> None:
        """Take over the arrays of other instances, by name."""
        for name, rows in arrays.items():
            setattr(self, name, rows)
            if name in self.ROWS:
                self._room[name] = rows

    def _grow(self, number: int, found: Detections, place: int) -> None:
        """Rows for ids below ``number``."""
        if number <= (before := len(self)):
            return
        if found.feats is not None and not before:  # nine tenths of it all
            self.feats = np.zeros((0, found.feats.shape[1]), np.float32)
        if found.boxes is not None and not before:
            self.boxes = np.zeros((0, found.boxes.shape[1]))
        for name in self.ROWS:
            rows = getattr(self, name)
            if number > len(self._room[name]):
                shape = (number + number // 4, *rows.shape[1:])
                self._room[name] = np.zeros(shape, rows.dtype)
                self._room[name][:before] = rows
            setattr(self, name, self._room[name][:number])
        self.first[before:] = place
