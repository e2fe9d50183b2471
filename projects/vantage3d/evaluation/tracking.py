"""Whether instances keep their ids: what trackers are measured by, for masks.

IDF1 of Ristani et al., 2016; HOTA of Luiten et al., 2021; switches and fragmentation of
CLEAR MOT (Bernardin and Stiefelhagen, 2008), but that a true instance out of sight
breaks nothing: cameras of rooms turn away and come back.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

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


class _Seen(NamedTuple):
    """A frame with places among all true instances and all ids of all sequences."""

    true: Ids
    tracks: Ids
    ious: Floats  # (G, P)


def track_metrics(frames: Sequence[TrackedFrame]) -> dict[str, float]:
    """Metrics of all sequences together; NaN where there is nothing to measure.

    Args:
        frames: Those of one sequence in order of time.

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
    true_at: dict[tuple[str, int], int] = {}
    track_at: dict[tuple[str, int], int] = {}

    def places(at: dict[tuple[str, int], int], sequence: str, ids: Ids) -> Ids:
        keys = [(sequence, one) for one in ids.tolist()]
        return np.array([at.setdefault(key, len(at)) for key in keys], np.int64)

    seen = [
        _Seen(
            places(true_at, frame.sequence, frame.true_ids),
            places(track_at, frame.sequence, frame.ids),
            frame.ious.T,
        )
        for frame in frames
    ]
    shape = len(true_at), len(track_at)
    found = {**_hota(seen, shape), **_identity(seen, shape)}
    hits = [(frame.inside > 0.5).sum(0) for frame in frames]
    n_true = sum(map(len, hits))
    twice = sum(int((hit > 1).sum()) for hit in hits)
    last = {frame.sequence: frame.ids for frame in frames}
    alive = sum(map(len, last.values()))
    return found | {
        "duplicates": twice / n_true if n_true else np.nan,
        "births": shape[1] / len(frames) if frames else np.nan,
        "deaths": (shape[1] - alive) / len(frames) if frames else np.nan,
    }


def _counts(seen: Sequence[_Seen], shape: tuple[int, int]) -> tuple[Ids, Ids]:
    """How many frames show each true instance, and each id."""
    true, tracks = np.zeros(shape[0], np.int64), np.zeros(shape[1], np.int64)
    for frame in seen:
        true[frame.true] += 1
        tracks[frame.tracks] += 1
    return true, tracks


def _hota(seen: Sequence[_Seen], shape: tuple[int, int]) -> dict[str, float]:
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
    det, ass = np.zeros((2, len(ALPHAS)))
    total = n_true.sum() + n_tracks.sum()
    for place, alpha in enumerate(ALPHAS):
        kept, count = np.unique(pair[overlap >= alpha - ROUNDING], return_counts=True)
        if hits := count.sum():
            true, tracks = np.divmod(kept, shape[1])
            either = n_true[true] + n_tracks[tracks] - count
            det[place] = hits / (total - hits)
            ass[place] = (count * count / either).sum() / hits
    values = {"hota": np.sqrt(det * ass), "det_a": det, "ass_a": ass}
    known = n_true.sum() > 0
    return {k: float(v.mean()) if known else np.nan for k, v in values.items()}


def _identity(seen: Sequence[_Seen], shape: tuple[int, int]) -> dict[str, float]:
    """The best id of each true instance, and what its frames show instead."""
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
    n_true, n_tracks = _counts(seen, shape)
    total = int(n_true.sum() + n_tracks.sum())
    known = shape[0] > 0
    return {
        "idf1": 2 * float(hits.sum()) / total if known else np.nan,
        "switches": sum(map(_switches, shown)),
        "fragments": sum(map(_fragments, shown)),
        "first_correct": float(np.mean(begins)) if begins else np.nan,
        "never_correct": 1 - len(begins) / shape[0] if known else np.nan,
    }


def _switches(shown: list[int]) -> int:
    found = [track for track in shown if track >= 0]
    return sum(one != other for one, other in pairwise(found))


def _fragments(shown: list[int]) -> int:
    found = [track >= 0 for track in shown]
    runs = sum(now and not before for before, now in zip([False, *found], found))
    return max(runs - 1, 0)
