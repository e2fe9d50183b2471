"""Which instance of a stream each detection of a frame is: rules of one kind.

A rule takes a frame's detections, the instances known so far and the space they fill,
and gives an id to each detection: that of a known instance, the next free ones to new
instances, -1 to what should be forgotten. It has no state of its own;
:func:`take_in` adds what it says to what is known.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from mmdet3d.structures import PointData
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.optimize import linear_sum_assignment
from scipy.special import expit, softmax

from vantage3d.esam.online.pieces import in_pieces
from vantage3d.esam.online.tracks import MISSED, Detections, Floats, Ids, Tracks
from vantage3d.esam.online.voxel_map import UNSEEN, VoxelMap

# Shares of what a frame shows of an instance.
LEAST_OVERLAP = 0.25  # of detection and instance, to be one
MOSTLY = (
    0.5  # of a detection inside an instance or a better detection, to be part of it
)
ENOUGH = 0.1  # of a detection that was seen before, to say what it is part of
MARGIN = 0.025  # metres around the points of an instance, of its box

LINKED = 0.5  # affinity times IoU from which detections of a frame are one (AutoSeg3D)
TEMPERATURE = 0.07  # that the vectors were taught with
MIDDLE = 0.5  # cosine of a tracker's vectors that says neither yes nor no


class Assigned(NamedTuple):
    """What a rule says of I detections.

    Attributes:
        ids: (I,) of the instances; -1 of what should be forgotten.
        doubted: (I,) bool, parts of an instance that the frame does not show as a
            whole: perhaps it is none.
    """

    ids: Ids
    doubted: NDArray[np.bool_]


def by_voxels(found: Detections, tracks: Tracks, seen: VoxelMap) -> Assigned:
    """Ids by the space that both fill, and by appearance where it is known.

    Overlap counts the voxels that earlier frames have shown and this one shows again:
    an instance seen from another side, or half of it, still overlaps. The assignment
    is one to one; a detection that is left over and lies mostly inside one instance is
    a part of it. One that lies mostly inside a better detection repeats it.

    A part speaks against its instance unless another detection shows most of that one:
    what was once taken for one, and is seen in pieces ever since, falls into these.

    Args:
        found: Detections of the frame.
        tracks: What is known so far.
        seen: The space of earlier frames.

    Returns:
        Ids, -1 of repetitions.
    """
    number = len(found.scores)
    ids = np.full(number, -1, np.int64)
    owners = found.owners()
    left = np.bincount(owners[owners >= 0], minlength=number)
    single = left > MOSTLY * found.masks.sum(1)
    shares = _shares(owners, single, found.points, seen)
    near = shares.near
    with np.errstate(invalid="ignore"):
        overlap = np.nan_to_num(shares.common / shares.union)
    closeness = overlap.copy()
    if found.feats is not None and len(near):
        feats = tracks.feats[near]
        lengths = np.linalg.norm(feats, axis=1)
        closeness *= (1 + found.feats @ (feats / lengths[:, None]).T) / 2
    closeness[overlap < LEAST_OVERLAP] = 0
    rows, columns = _assign(closeness)
    ids[rows] = near[columns]
    part = np.zeros(number, bool)
    if len(near):
        best = shares.common.max(1)
        part = (ids < 0) & (best > 0) & (best >= MOSTLY * shares.known)
        part &= best >= ENOUGH * shares.sizes
        ids[part] = near[shares.common[part].argmax(1)]
    shown = near[columns[overlap[rows, columns] >= MOSTLY]]
    new = single & (ids < 0)
    ids[new] = len(tracks) + np.arange(new.sum())
    return Assigned(ids, part & ~np.isin(ids, shown))


class _Shares(NamedTuple):
    """Numbers of voxels, of I detections and the M instances that the frame shows.

    Attributes:
        near: (M,) ids of these, ascending.
        sizes: (I,) all of a detection.
        known: (I,) those that earlier frames have shown.
        common: (I, M) those of both.
        union: (I, M) those of either that were seen before and are seen now.
    """

    near: Ids
    sizes: NDArray[np.int64]
    known: NDArray[np.int64]
    common: NDArray[np.int64]
    union: NDArray[np.int64]


def _shares(
    owners: Ids,
    single: NDArray[np.bool_],
    points: Floats,
    seen: VoxelMap,
) -> _Shares:
    """Args: (N,) detection of each point, (I,) which detections count, and the rest."""
    keys, voxel = seen.of_points(points)
    before = seen.find(keys).astype(np.int64)
    owned = before >= 0
    near, visible = np.unique(before[owned], return_counts=True)
    column = np.full(len(keys), -1)
    column[owned] = np.searchsorted(near, before[owned])
    number = len(single)
    counts = (owners >= 0) & np.append(single, False)[owners]
    pairs = np.unique(voxel.ravel()[counts] * number + owners[counts])
    row, place = np.divmod(pairs, max(number, 1))
    owner = column[row]
    common = np.zeros((number, len(near)), np.int64)
    np.add.at(common, (place[owner >= 0], owner[owner >= 0]), 1)
    known = np.bincount(place[before[row] != UNSEEN], minlength=number)
    union = known[:, None] + visible[None] - common
    return _Shares(near, np.bincount(place, minlength=number), known, common, union)


def online_merge(found: Detections, tracks: Tracks, seen: VoxelMap) -> Assigned:
    """Ids as ESAM gives them: vectors times box overlap, of equal class, above zero.

    The mean vectors are not of length 1, and neither a least similarity nor a second
    look at what is left over exists, as released. Needs vectors and boxes.

    Args and result are those of :func:`by_voxels`; nothing is ever forgotten.
    """
    assert found.feats is not None and found.boxes is not None
    number = len(found.scores)
    ids = np.full(number, -1, np.int64)
    if len(tracks):
        similarity = found.feats @ tracks.feats.T * box_iou(found.boxes, tracks.boxes)
        same = found.labels[:, None] == tracks.labels[None]
        rows, columns = _assign(np.maximum(similarity, 0) * same)
        ids[rows] = columns
    new = ids < 0
    ids[new] = len(tracks) + np.arange(new.sum())
    return Assigned(ids, np.zeros(number, bool))


def by_boxes(found: Detections, tracks: Tracks, seen: VoxelMap) -> Assigned:
    """Ids by the overlap of boxes alone: what the others should be better than.

    Args and result are those of :func:`by_voxels`; nothing is ever forgotten.
    """
    assert found.boxes is not None
    number = len(found.scores)
    ids = np.full(number, -1, np.int64)
    if len(tracks):
        rows, columns = _assign(box_iou(found.boxes, tracks.boxes))
        ids[rows] = columns
    new = ids < 0
    ids[new] = len(tracks) + np.arange(new.sum())
    return Assigned(ids, np.zeros(number, bool))


def by_buffer(found: Detections, tracks: Tracks, seen: VoxelMap) -> Assigned:
    """Ids as AutoSeg3D describes them, from the vectors of any online model.

    :func:`by_tracking` is the same with the vectors that are made for it.

    Args and result are those of :func:`by_voxels`; nothing is ever forgotten.
    """
    assert found.feats is not None
    known = np.flatnonzero(tracks.last.max(initial=0) - tracks.last <= MISSED)
    logits = np.zeros((len(found.scores), 0))
    if len(known):
        logits = found.feats @ tracks.feats[known].T / TEMPERATURE
    return _by_heat(found, tracks, known, logits, found.feats @ found.feats.T)


def by_tracking(found: Detections, tracks: Tracks, seen: VoxelMap) -> Assigned:
    """Ids as AutoSeg3D (2025) describes them, from a :class:`TrackHead`'s vectors.

    Args and result are those of :func:`by_voxels`; nothing is ever forgotten.
    """
    assert found.track_feats is not None and found.part_feats is not None
    known, feats = tracks.lately()
    logits = np.zeros((len(found.scores), 0))
    if len(known):
        logits = affinity_logits(found.track_feats @ feats.T)
    alike = expit(affinity_logits(found.part_feats @ found.part_feats.T))
    return _by_heat(found, tracks, known, logits, alike)


def affinity_logits(cosines: Any) -> Any:
    """Logits of affinities of a tracker's unit vectors, an array or tensor."""
    return (cosines - MIDDLE) / TEMPERATURE


def _by_heat(
    found: Detections, tracks: Tracks, known: Ids, logits: Floats, alike: Floats
) -> Assigned:
    """The best sum of heat times box IoU, of equal class, above zero.

    The heat is softmax times sigmoid. Detections of a frame that are one get one id.

    Args:
        found: Detections of the frame.
        tracks: What is known so far.
        known: (T,) ids that are looked for.
        logits: (I, T) of detections and these.
        alike: (I, I) affinity of detections.
    """
    assert found.boxes is not None
    number = len(found.scores)
    groups = _one_of_frame(found, alike)
    of_group = np.zeros((int(groups.max(initial=-1)) + 1, len(known)))
    if len(known):
        gain = softmax(logits, axis=1) * expit(logits)
        gain *= box_iou(found.boxes, tracks.boxes[known])
        gain *= found.labels[:, None] == tracks.labels[known][None]
        np.maximum.at(of_group, groups, gain)
    ids = np.full(len(of_group), -1, np.int64)
    rows, columns = _assign(of_group)
    ids[rows] = known[columns]
    new = ids < 0
    ids[new] = len(tracks) + np.arange(new.sum())
    return Assigned(ids[groups], np.zeros(number, bool))


def _one_of_frame(found: Detections, alike: Floats) -> NDArray[np.intp]:
    """(I,) groups 0, 1, ... of detections that are one instance.

    By complete linkage on affinity (I, I) times IoU of the masks, of equal class.
    """
    number = len(found.scores)
    if number < 2:
        return np.zeros(number, np.intp)
    masks = found.masks.astype(np.float32)
    common, sizes = masks @ masks.T, masks.sum(1)
    union = sizes[:, None] + sizes[None] - common
    likeness = alike * common / np.maximum(union, 1)
    likeness *= found.labels[:, None] == found.labels[None]
    apart = np.clip(1 - likeness, 0, 1)[np.triu_indices(number, 1)]
    groups = fcluster(linkage(apart, "complete"), 1 - LINKED, "distance")
    return np.unique(groups, return_inverse=True)[1]


def boxes_of(masks: NDArray[np.bool_], points: Floats) -> Floats:
    """(I, 6) corners around the points (N, 3) of masks (I, N), 2.5 cm away from them.

    What is flat would have no volume else, and overlap nothing.
    """
    boxes = np.zeros((len(masks), 6))
    for box, mask in zip(boxes, masks):
        if mask.any():
            own = points[mask]
            box[:3], box[3:] = own.min(0) - MARGIN, own.max(0) + MARGIN
    return boxes


def box_iou(a: Floats, b: Floats) -> Floats:
    """(I, M) intersection over union of boxes (I, 6) and (M, 6), two corners each."""
    low = np.maximum(a[:, None, :3], b[None, :, :3])
    high = np.minimum(a[:, None, 3:], b[None, :, 3:])
    common = np.maximum(high - low, 0).prod(2)
    volumes = [(box[:, 3:] - box[:, :3]).prod(1) for box in (a, b)]
    union = volumes[0][:, None] + volumes[1][None] - common
    return common / np.maximum(union, 1e-12)


def _assign(similarity: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Pairs of row and column with the largest sum, those above zero."""
    rows, columns = linear_sum_assignment(-similarity)
    good = similarity[rows, columns] > 0
    return rows[good], columns[good]


class Rule(NamedTuple):
    """A rule of :data:`RULES`.

    Attributes:
        assign: The rule.
        needs: Fields of :class:`Detections` that it cannot do without.
        of_points: Whether boxes are those of the masks' points.
        of_pieces: Whether it takes detections in connected pieces.
    """

    assign: Callable[[Detections, Tracks, VoxelMap], Assigned]
    needs: tuple[str, ...] = ()
    of_points: bool = False
    of_pieces: bool = False

    def detections(
        self,
        found: PointData,
        points: Floats,
        superpoints: Ids,
        least_score: float,
        most: int | None = None,
    ) -> Detections:
        """What it takes of what a model says of a frame.

        Args:
            found: What the model says.
            points: (N, 3) in the world, metres.
            superpoints: (N,) 0..S-1.
            least_score: Detections below it are forgotten.
            most: Detections, the best ones; None for all.
        """
        given = Detections.of(found, points).best(least_score, most)
        return in_pieces(given, superpoints) if self.of_pieces else given


RULES = {
    "voxels": Rule(by_voxels, of_pieces=True),
    "box_iou": Rule(by_boxes, of_points=True),
    "legacy": Rule(online_merge, ("feats", "boxes")),
    "buffer": Rule(by_buffer, ("feats", "boxes")),
    "tracking": Rule(by_tracking, ("track_feats", "boxes")),
}


def take_in(
    rule: Rule,
    found: Detections,
    tracks: Tracks,
    seen: VoxelMap,
    place: int,
) -> tuple[Detections, Ids]:
    """Add a frame's detections to what is known.

    Args:
        rule: Of :data:`RULES`.
        found: Of the frame.
        tracks: The instances; they learn of these.
        seen: Their space; it learns of this frame.
        place: Of the frame in the stream.

    Returns:
        Those that are not forgotten, and their ids.
    """
    if rule.of_points:
        found = found._replace(boxes=boxes_of(found.masks, found.points))
    ids, doubted = rule.assign(found, tracks, seen)
    kept = ids >= 0
    found, ids, doubted = found.kept(kept), ids[kept], doubted[kept]
    owners = found.owners()
    against = np.append(doubted, False)[owners]
    claims = np.where(against, -1, np.append(ids, -1)[owners])
    tracks.observe(ids, found, place, seen.claim(found.points, claims, whole=True))
    seen.doubt(found.points[against])
    return found, ids
