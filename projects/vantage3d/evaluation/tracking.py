"""Whether instances keep their ids: what trackers are measured by, for masks.

IDF1 of Ristani et al., 2016; HOTA of Luiten et al., 2021; switches and fragmentation of
CLEAR MOT (Bernardin and Stiefelhagen, 2008), but that a true instance out of sight
breaks nothing: cameras of rooms turn away and come back.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from vantage3d.evaluation.instance_overlaps import scene_overlaps, scene_truth
from vantage3d.evaluation.scannet_ap import MIN_REGION

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]

OVERLAP = 0.5  # IoU from which an id shows a true instance
ALPHAS = np.arange(1, 20) / 20  # overlaps that HOTA averages over
ROUNDING = 1e-9  # an overlap of 0.15 is no less than 3 / 20


class TrackedFrame(NamedTuple):
    """True and predicted instances of one frame.

    Attributes:
        sequence: Ids mean the same in its frames alone.
        true_ids: (G,) each once.
        ids: (P,) each once.
        ious: (P, G) intersection over union.
        inside: (P, G) share of the predicted one that lies in the true one.
    """

    sequence: str
    true_ids: Ids
    ids: Ids
    ious: Floats
    inside: Floats


class TrackSums(NamedTuple):
    """What the metrics of sequences are made of; those of several are added up.

    Attributes:
        hits: (19,) true instances of frames that are matched, at each of ALPHAS.
        association: (19,) of each hit, its pair's frames over those that either shows.
        shown: True instances of frames, and predicted ones.
        common: Of them, those of a true instance by the id that fits it best.
        switches: How often a true instance is shown by another id than before.
        fragments: How often it is lost in sight and found again.
        duplicates: True instances of frames that two ids or more lie in.
        true: True instances of frames.
        instances: True instances.
        correct: True instances that the id that fits best ever shows.
        waited: Frames in sight until it does, summed.
        born: Ids.
        died: Ids that come no more before the sequence ends.
        frames: Frames.
    """

    hits: Ids
    association: Floats
    shown: int
    common: int
    switches: int
    fragments: int
    duplicates: int
    true: int
    instances: int
    correct: int
    waited: int
    born: int
    died: int
    frames: int


class _Seen(NamedTuple):
    """A frame with places among all true instances and all ids of its sequence."""

    true: Ids
    tracks: Ids
    ious: Floats  # (G, P)


def tracked(
    sequence: str,
    true_ids: Ids,
    masks: NDArray[np.bool_],
    ids: Ids,
    min_region: int = MIN_REGION,
) -> TrackedFrame:
    """What the metrics need of a frame.

    What has fewer pixels than ``min_region`` is not there, neither true nor predicted.
    An id of which more than half lies on no true instance takes no part, as in
    ScanNet's AP: it may show what is not labelled.

    Args:
        sequence: Name of the stream.
        true_ids: (N,) of each pixel, -1 for none.
        masks: (P, N).
        ids: (P,) of the masks; those of one id are one instance.
        min_region: In pixels.
    """
    known, counts = np.unique(true_ids[true_ids >= 0], return_counts=True)
    known = known[counts >= min_region]
    true_ids = np.where(np.isin(true_ids, known), true_ids, -1)
    truth = scene_truth(np.minimum(true_ids, 0), true_ids)
    own, of_mask = np.unique(ids, return_inverse=True)
    joint = np.zeros((len(own), len(true_ids)), bool)
    np.logical_or.at(joint, of_mask, masks)
    found = scene_overlaps(truth, joint, np.zeros(len(own), int), np.ones(len(own)))
    kept = (found.pred_sizes >= min_region) & (found.pred_void * 2 <= found.pred_sizes)
    found = found.select(kept)
    inside = found.intersections / np.maximum(found.pred_sizes[:, None], 1)
    return TrackedFrame(sequence, known, own[kept], found.ious, inside)


def track_metrics(frames: Sequence[TrackedFrame]) -> dict[str, float]:
    """Metrics of all sequences together, as :func:`track_summary` names them.

    Args:
        frames: Those of one sequence in order of time.
    """
    sequences: dict[str, list[TrackedFrame]] = {}
    for frame in frames:
        sequences.setdefault(frame.sequence, []).append(frame)
    return track_summary([track_sums(one) for one in sequences.values()])


def track_sums(frames: Sequence[TrackedFrame]) -> TrackSums:
    """What one sequence gives.

    Args:
        frames: In order of time.
    """
    true_at: dict[int, int] = {}
    track_at: dict[int, int] = {}

    def places(at: dict[int, int], ids: Ids) -> Ids:
        return np.array([at.setdefault(one, len(at)) for one in ids.tolist()], np.int64)

    seen = [
        _Seen(places(true_at, one.true_ids), places(track_at, one.ids), one.ious.T)
        for one in frames
    ]
    shape = len(true_at), len(track_at)
    inside = [(frame.inside > 0.5).sum(0) for frame in frames]
    n_true, n_tracks = _counts(seen, shape)
    hits, association = _hota(seen, shape)
    common, shown, begins = _identity(seen, shape)
    return TrackSums(
        hits=hits,
        association=association,
        shown=int(n_true.sum() + n_tracks.sum()),
        common=common,
        switches=sum(map(_switches, shown)),
        fragments=sum(map(_fragments, shown)),
        duplicates=sum(int((one > 1).sum()) for one in inside),
        true=sum(map(len, inside)),
        instances=shape[0],
        correct=len(begins),
        waited=sum(begins),
        born=shape[1],
        died=shape[1] - (len(frames[-1].ids) if frames else 0),
        frames=len(frames),
    )


def track_summary(sums: Sequence[TrackSums]) -> dict[str, float]:
    """Metrics of sequences together; NaN where there is nothing to measure.

    Returns:
        ``hota``, ``det_a`` and ``ass_a``, means over :data:`ALPHAS`, and ``idf1``;
        ``switches``: how often a true instance is shown by another id than before;
        ``fragments``: how often it is lost in sight and found again;
        ``duplicates``: share of true instances of frames in which more than half of
        each of two or more ids lies;
        ``births`` and ``deaths``: ids a frame that come first, and that never come
        again before their sequence ends;
        ``first_correct``: mean frames in sight before the id that IDF1 gives to a true
        instance shows it, 0 for at once; ``never_correct``: share of those it never
        does.
    """
    zero = np.zeros(len(ALPHAS))
    none = TrackSums(zero.astype(np.int64), zero, *[0] * (len(TrackSums._fields) - 2))
    added: list[Any] = [sum(column) for column in zip(none, *sums)]
    one = TrackSums(*added)
    det = one.hits / np.maximum(one.shown - one.hits, 1)
    ass = one.association / np.maximum(one.hits, 1)
    means = {"hota": np.sqrt(det * ass), "det_a": det, "ass_a": ass}
    return {
        **{k: float(v.mean()) if one.true else np.nan for k, v in means.items()},
        "idf1": 2 * one.common / one.shown if one.instances else np.nan,
        "switches": one.switches,
        "fragments": one.fragments,
        "duplicates": one.duplicates / one.true if one.true else np.nan,
        "births": one.born / one.frames if one.frames else np.nan,
        "deaths": one.died / one.frames if one.frames else np.nan,
        "first_correct": one.waited / one.correct if one.correct else np.nan,
        "never_correct": (1 - one.correct / one.instances if one.instances else np.nan),
    }


def _counts(seen: Sequence[_Seen], shape: tuple[int, int]) -> tuple[Ids, Ids]:
    """How many frames show each true instance, and each id."""
    true, tracks = np.zeros(shape[0], np.int64), np.zeros(shape[1], np.int64)
    for frame in seen:
        true[frame.true] += 1
        tracks[frame.tracks] += 1
    return true, tracks


def _hota(seen: Sequence[_Seen], shape: tuple[int, int]) -> tuple[Ids, Floats]:
    """One match a frame, by how well pairs agree over all frames, cut at each alpha."""
    n_true, n_tracks = _counts(seen, shape)
    agree = np.zeros(shape)
    for true, tracks, ious in seen:
        around = ious.sum(0) + ious.sum(1, keepdims=True) - ious
        share = np.divide(ious, around, out=np.zeros_like(ious), where=around > 0)
        agree[np.ix_(true, tracks)] += share
    pairs, overlaps = [np.zeros(0, np.int64)], [np.zeros(0)]
    for true, tracks, ious in seen:
        common = agree[np.ix_(true, tracks)]
        jaccard = common / (n_true[true, None] + n_tracks[tracks] - common)
        rows, columns = linear_sum_assignment(jaccard * ious, maximize=True)
        pairs.append(true[rows] * shape[1] + tracks[columns])
        overlaps.append(ious[rows, columns])
    pair, overlap = np.concatenate(pairs), np.concatenate(overlaps)
    hits, association = np.zeros(len(ALPHAS), np.int64), np.zeros(len(ALPHAS))
    for place, alpha in enumerate(ALPHAS):
        kept, count = np.unique(pair[overlap >= alpha - ROUNDING], return_counts=True)
        true, tracks = np.divmod(kept, max(shape[1], 1))
        either = n_true[true] + n_tracks[tracks] - count
        hits[place] = count.sum()
        association[place] = (count * count / either).sum()
    return hits, association


def _identity(
    seen: Sequence[_Seen], shape: tuple[int, int]
) -> tuple[int, list[list[int]], list[int]]:
    """The best id of each true instance, and what its frames show instead.

    Returns:
        Frames in which true instances are shown by their best id; the id in each frame
        of each, -1 for none; the frame in which the best id first shows it.
    """
    common = np.zeros(shape, np.int64)
    shown: list[list[int]] = [[] for _ in range(shape[0])]  # id in each frame, or -1
    last = np.full(shape[0], -1)
    for true, tracks, ious in seen:
        valid = ious >= OVERLAP - ROUNDING
        common[np.ix_(true, tracks)] += valid
        # the id it had goes first, as in CLEAR MOT; then what overlaps most
        kept = valid & (tracks == last[true, None])
        value = valid * (ious + kept * len(true))
        rows, columns = linear_sum_assignment(value, maximize=True)
        now = np.full(len(true), -1)
        matched = valid[rows, columns]
        now[rows[matched]] = tracks[columns[matched]]
        last[true] = np.where(now >= 0, now, last[true])
        for one, track in zip(true.tolist(), now.tolist()):
            shown[one].append(track)
    rows, columns = linear_sum_assignment(common, maximize=True)
    hits = common[rows, columns]
    best = dict(zip(rows[hits > 0].tolist(), columns[hits > 0].tolist()))
    begins = [shown[one].index(t) for one, t in best.items() if t in shown[one]]
    return int(hits.sum()), shown, begins


def _switches(shown: list[int]) -> int:
    found = [track for track in shown if track >= 0]
    return sum(one != other for one, other in pairwise(found))


def _fragments(shown: list[int]) -> int:
    found = [track >= 0 for track in shown]
    runs = sum(now and not before for before, now in zip([False, *found], found))
    return max(runs - 1, 0)
