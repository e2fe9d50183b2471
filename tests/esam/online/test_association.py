"""Which instance a detection is, on boxes of points that a camera passes by."""

from itertools import permutations

import numpy as np
import pytest

from vantage3d.esam.online.association import (
    RULES,
    box_iou,
    boxes_of,
    by_voxels,
    online_merge,
    take_in,
)
from vantage3d.esam.online.tracks import AGE, MISSED, Detections, Tracks
from vantage3d.esam.online.voxel_map import Sight, VoxelMap
from vantage3d.geometry import unproject
from vantage3d.synthetic.rooms.filming import Job, film, sensor_intrinsics

AXIS = np.arange(0.01, 1, 0.03)
BOX = np.stack(np.meshgrid(AXIS, AXIS[:8]), -1).reshape(-1, 2)
BOX = np.concatenate([BOX, np.zeros((len(BOX), 1))], 1)  # 1 m x 0.25 m
EYE = np.eye(4)
NOTHING = Sight(np.zeros(0, np.int64), np.zeros(0))


def view(*boxes: tuple[float, float], masks=None, scores=None, feats=None):
    """Detections of a frame that shows strips of boxes.

    Args:
        *boxes: Where along x each begins, and which part of its length is shown.
        masks: Of the strips, which belong to a detection; one each if not given.
        scores: Falling if not given.
        feats: (I, D).
    """
    parts = []
    for start, share in boxes:
        strip = BOX[BOX[:, 0] < share] if share > 0 else BOX[BOX[:, 0] > 1 + share]
        parts.append(strip + np.array([start, 0, 0]))
    strip = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    masks = [[i] for i in range(len(parts))] if masks is None else masks
    scores = np.linspace(0.9, 0.5, len(masks)) if scores is None else scores
    return Detections(
        np.stack([np.isin(strip, own) for own in masks]),
        np.zeros(len(masks), np.int64),
        np.asarray(scores, float),
        np.concatenate(parts),
        feats,
    )


class Stream:
    """What a StreamSegmenter does with a rule."""

    def __init__(self, rule: str = "voxels") -> None:
        self.rule = RULES[rule]
        self.tracks, self.map, self.place = Tracks(2), VoxelMap(0.05), 0

    def see(self, found: Detections) -> list[int]:
        if self.rule.of_points:
            found = found._replace(boxes=boxes_of(found.masks, found.points))
        ids = self.rule.assign(found, self.tracks, self.map).ids
        take_in(self.rule, found, self.tracks, self.map, self.place)
        self.place += 1
        return ids.tolist()


def test_ids_stay_while_the_camera_moves_and_order_changes():
    stream = Stream()
    assert stream.see(view((0, 1), (3, 1))) == [0, 1]
    assert stream.see(view((3, 0.7), (0, 1), (6, 1))) == [1, 0, 2]
    assert stream.tracks.frames.tolist() == [2, 2, 1]


def test_halves_seen_one_after_the_other_are_one():
    """What was not in sight before does not speak against it."""
    stream = Stream()
    stream.see(view((0, 0.5)))
    assert stream.see(view((0, 1))) == [0]
    assert stream.see(view((0, -0.5))) == [0]


def test_out_of_sight_is_not_forgotten():
    stream = Stream()
    stream.see(view((0, 1)))
    for _ in range(5):
        stream.see(view((5, 1)))
    assert stream.see(view((0, 1))) == [0]
    assert stream.tracks.first.tolist() == [0, 1]
    assert stream.tracks.last.tolist() == [6, 5]


def test_what_is_in_sight_and_not_found_is_less_sure():
    """Out of sight nothing speaks against it."""
    stream = Stream()
    stream.see(view((0, 1), (3, 1), scores=[0.8, 0.6]))
    stream.see(view((0, 1), (3, 1), masks=[[0]], scores=[0.8]))
    stream.see(view((6, 1), scores=[0.4]))
    assert stream.tracks.sights.tolist() == [2, 2, 1]
    expected = [(0.8 / 2 + 0.8) / 3, 0.6 / 2 / 3, 0.4 / 2 / 2]
    np.testing.assert_allclose(stream.tracks.confidence, expected)


def test_a_repetition_is_forgotten_and_a_part_belongs_to_its_whole():
    stream = Stream()
    twice = view((0, 1), (3, 1), masks=[[0], [1], [0]])
    assert stream.see(twice) == [0, 1, -1]
    two = view((0, 0.5), (0, -0.5), (3, 1), masks=[[0], [1], [2]])
    assert stream.see(two) == [0, 0, 1]
    assert stream.tracks.counts.tolist() == [3, 2]
    assert stream.tracks.frames.tolist() == [2, 2]


def test_what_was_once_taken_for_one_falls_into_its_parts():
    """A bad frame takes three for one; they are seen alone ever since."""
    stream, three = Stream(), ((0, 1), (2, 1), (4, 1))
    assert stream.see(view(*three, masks=[[0, 1, 2]])) == [0]
    seen = [stream.see(view(*three)) for _ in range(5)]
    assert seen[0] == [0, 0, 0] and seen[2:] == [seen[2]] * 3
    assert len(set(seen[-1])) == 3 and len(stream.tracks) == 3


def test_a_whole_that_is_seen_now_and_then_keeps_its_parts():
    stream, halves = Stream(), ((0, 0.6), (0, -0.4))
    for _ in range(3):
        stream.see(view((0, 1)))
    for _ in range(3):
        assert stream.see(view(*halves)) == [0, 0]
        assert stream.see(view((0, 1))) == [0]
    assert len(stream.tracks) == 1


def test_only_the_best_are_taken():
    found = view((0, 1), (2, 1), (4, 1), (6, 1), scores=[0.5, 0.9, 0.9, 0.2])
    for most, rows in ((None, [0, 1, 2]), (5, [0, 1, 2]), (2, [1, 2]), (1, [1])):
        best = found.best(0.5, most)
        assert (best.masks == found.masks[rows]).all()
        assert best.scores.tolist() == found.scores[rows].tolist()


def test_neighbours_that_touch_are_two():
    stream = Stream()
    stream.see(view((0, 1), (1, 1)))
    assert stream.see(view((0, 1), (1, 1))) == [0, 1]


def test_appearance_decides_where_space_does_not():
    """One detection that is half of each of two instances."""
    for looks, expected in ((0, 0), (1, 1)):
        stream = Stream()
        stream.see(view((0, 0.5), (0, -0.5), feats=EYE[:2]))
        both = view((0, 1), feats=EYE[[looks]])
        assert stream.see(both) == [expected]


def test_what_is_empty_is_nothing():
    stream = Stream()
    nothing = view((0, 1)).kept(np.zeros(1, bool))
    assert stream.see(nothing) == [] and len(stream.tracks) == 0
    stream.see(view((0, 1)))
    assert stream.see(nothing) == []
    assert stream.see(view((0, 1))) == [0]


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_detections_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    stream, starts = Stream(), [0, 0.9, 2, 3.5]
    stream.see(view(*[(start, 0.8) for start in starts]))
    found = view(*[(s + rng.uniform(-0.1, 0.1), 1) for s in starts])
    expected = by_voxels(found, stream.tracks, stream.map).ids
    for order in permutations(range(4)):
        rows = np.array(order)
        again = by_voxels(found.kept(rows), stream.tracks, stream.map).ids
        assert again.tolist() == expected[rows].tolist()


def boxed(starts, feats, labels=None, scores=None) -> Detections:
    """Detections with vectors and unit boxes that begin along x."""
    low = np.array([[start, 0, 0] for start in starts], float)
    return Detections(
        np.zeros((len(starts), 1), bool),
        np.zeros(len(starts), np.int64) if labels is None else np.array(labels),
        np.full(len(starts), 0.5) if scores is None else np.array(scores),
        np.zeros((1, 3)),
        np.asarray(feats, float),
        np.concatenate([low, low + 1], 1),
    )


def test_legacy_is_the_best_sum_over_all_assignments():
    rng = np.random.default_rng(0)
    for _ in range(20):
        stream = Stream("legacy")
        before, after = rng.uniform(0, 2, (2, 3))
        feats = rng.normal(size=(2, 3, 4))
        feats /= np.linalg.norm(feats, axis=2, keepdims=True)
        stream.see(boxed(before, feats[0]))
        found = boxed(after, feats[1])
        ids = online_merge(found, stream.tracks, stream.map).ids
        iou = np.maximum(1 - np.abs(after[:, None] - before), 0)
        iou = iou / (2 - iou)
        gain = np.maximum(feats[1] @ feats[0].T * iou, 0)
        best = max(sum(gain[i, p[i]] for i in range(3)) for p in permutations(range(3)))
        own = [gain[i, one] for i, one in enumerate(ids) if one < 3]
        assert sum(own) == pytest.approx(best) and all(value > 0 for value in own)
        assert sorted(ids[ids >= 3]) == list(range(3, 3 + sum(ids >= 3)))


def test_legacy_keeps_means_that_have_no_unit_length():
    stream = Stream("legacy")
    stream.see(boxed([0], EYE[[0]], scores=[0.9]))
    diagonal = (EYE[[0]] + EYE[[1]]) / np.sqrt(2)
    assert stream.see(boxed([0.5], diagonal, scores=[0.6])) == [0]
    assert stream.see(boxed([0.5], EYE[[0]], scores=[0.3])) == [0]
    mean = (2 * EYE[0] + diagonal[0]) / 3
    np.testing.assert_allclose(stream.tracks.feats, [mean])
    np.testing.assert_allclose(stream.tracks.boxes[0, 0], 1 / 3)
    np.testing.assert_allclose(stream.tracks.scores, [0.6])


def test_legacy_wants_equal_classes_boxes_that_touch_and_a_positive_cosine():
    stream = Stream("legacy")
    stream.see(boxed([0, 5], EYE[:2]))
    assert stream.see(boxed([0.2], EYE[[0]], labels=[1])) == [2]
    assert stream.see(boxed([7], EYE[[0]])) == [3]
    assert stream.see(boxed([5.1], -EYE[[1]])) == [4]
    assert stream.see(boxed([0.9, 5], [EYE[0], EYE[1]])) == [0, 1]


def test_boxes_overlap_as_counted_by_cells():
    rng = np.random.default_rng(0)
    low = rng.integers(0, 4, (2, 5, 3))
    high = low + rng.integers(1, 4, (2, 5, 3))
    grid = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), -1).reshape(-1, 3)
    inside = [
        ((grid >= a[:, None]) & (grid < b[:, None])).all(2) for a, b in zip(low, high)
    ]
    common = (inside[0][:, None] & inside[1][None]).sum(2)
    union = (inside[0][:, None] | inside[1][None]).sum(2)
    boxes = [np.concatenate(corners, 1).astype(float) for corners in zip(low, high)]
    np.testing.assert_allclose(box_iou(*boxes), common / union)


def test_exact_masks_of_a_filmed_room_keep_their_ids():
    """Whatever the camera leaves and comes back to, in any order of detections.

    But for walls and floor, of which two views may show parts that do not meet.
    """
    size, rng = (80, 60), np.random.default_rng(0)
    room, views = film(Job(5, (0, 100, 200, 300, 0, 200), size))
    things = [
        number
        for number, category in enumerate(room.categories, 1)
        if category.name not in ("floor", "wall", "ceiling")
    ]
    stream, ids, seen = Stream(), {}, 0
    for view in views:
        frame = view.frame
        owner, kept = frame.instance[frame.depth > 0], frame.depth > 0
        shown = rng.permutation([n for n in things if (owner == n).sum() >= 15])
        depth, K = frame.depth.astype(np.float64), sensor_intrinsics(size)
        found = Detections(
            owner == shown[:, None],
            np.zeros(len(shown), np.int64),
            rng.uniform(0.5, 1, len(shown)),
            unproject(depth, K, view.cam2world)[kept],
        )
        for number, one in zip(shown.tolist(), stream.see(found)):
            assert ids.setdefault(number, one) == one
            seen += 1
    assert len(set(ids.values())) == len(ids) == len(stream.tracks)
    assert seen > 2 * len(ids)


def test_a_buffer_looks_for_what_was_seen_lately_and_looks_alike():
    stream = Stream("buffer")
    assert stream.see(boxed([0, 0.2], EYE[:2])) == [0, 1]
    assert stream.see(boxed([0, 0.2], EYE[[1, 0]])) == [1, 0]  # looks change places
    assert stream.see(boxed([0.1], EYE[[3]])) == [0]  # like none: the nearest box
    for _ in range(MISSED + 1):
        assert stream.see(boxed([9], EYE[[2]])) == [2]
    assert stream.see(boxed([0.2], EYE[[1]])) == [3]  # seen too long ago
    assert stream.see(boxed([9], EYE[[2]], labels=[1])) == [4]  # of another class


def test_detections_of_a_frame_that_are_one_get_one_id():
    """By complete linkage: a is like b and b like c, but a is not like c."""
    masks = np.zeros((4, 40), bool)
    for row, (first, last) in enumerate(((0, 20), (4, 24), (9, 29), (30, 40))):
        masks[row, first:last] = True
    found = boxed([0, 0, 0, 5], EYE[[0, 0, 0, 1]])
    found = found._replace(masks=masks, points=np.zeros((40, 3)))
    ious = [len({*range(a, a + 20)} & {*range(b, b + 20)}) for a, b in ((0, 4), (0, 9))]
    assert ious[0] / (40 - ious[0]) > 0.5 > ious[1] / (40 - ious[1])
    assert len(set(Stream("buffer").see(found))) == 3
    other = found._replace(feats=EYE[[0, 1, 0, 1]])  # b looks unlike
    assert len(set(Stream("buffer").see(other))) == 4
    nothing = found.kept(np.zeros(4, bool))
    assert Stream("buffer").see(nothing) == []


def planted(starts, looks, parts=None, **more) -> Detections:
    """Detections of a tracker's vectors, and unit boxes that begin along x."""
    found = boxed(starts, EYE[looks], **more)
    kinds = EYE[looks if parts is None else parts]
    return found._replace(feats=None, track_feats=EYE[looks], part_feats=kinds)


def test_planted_vectors_are_associated_as_planted():
    """Whatever the order, by vectors where boxes do not say, and of equal class."""
    stream = Stream("tracking")
    assert stream.see(planted([0, 0.2, 5], [0, 1, 2])) == [0, 1, 2]
    assert stream.see(planted([5, 0.2, 0], [2, 0, 1])) == [2, 0, 1]
    assert stream.see(planted([0.1, 5, 7], [1, 2, 3])) == [1, 2, 3]
    assert stream.see(planted([5], [2], labels=[1])) == [4]
    assert stream.see(planted([20], [0])) == [5]  # boxes do not touch


def test_the_heat_is_softmax_times_sigmoid_of_all_that_is_looked_for():
    """Against all assignments, with the mean of what each instance looked like."""
    rng = np.random.default_rng(1)
    for _ in range(10):
        stream = Stream("tracking")
        feats = rng.normal(size=(3, 3, 4)) + 1
        feats /= np.linalg.norm(feats, axis=2, keepdims=True)
        starts = np.array([0, 0.3, 0.6])
        for own in feats[:2]:  # the second time at its place, whatever it looks like
            found = boxed(starts, EYE[:3])
            found = found._replace(track_feats=own, part_feats=EYE[:3])
            stream.tracks.observe(np.arange(3), found, 0, NOTHING)
        known, means = stream.tracks.lately()
        assert known.tolist() == [0, 1, 2]
        sums = feats[0] + feats[1]
        expected = sums / np.linalg.norm(sums, axis=1, keepdims=True)
        np.testing.assert_allclose(means, expected)
        after = starts + rng.uniform(-0.2, 0.2, 3)
        logits = (feats[2] @ expected.T - 0.5) / 0.07
        heat = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        iou = 1 - np.abs(after[:, None] - starts)
        gain = heat / (1 + np.exp(-logits)) * iou / (2 - iou)
        best = max(permutations(range(3)), key=lambda p: gain[range(3), p].sum())
        found = boxed(after, EYE[:3])
        found = found._replace(track_feats=feats[2], part_feats=EYE[:3])
        assert stream.see(found) == list(best)


def test_a_tracker_forgets_what_it_missed_and_what_is_old():
    """After 50 frames without it an instance, after 100 frames a vector."""
    elsewhere = planted([9], [2])
    for missed, expected in ((MISSED, 0), (MISSED + 1, 2)):
        stream = Stream("tracking")
        stream.see(planted([0], [0]))
        for _ in range(missed):
            stream.see(elsewhere)
        assert stream.see(planted([0], [0])) == [expected]
    stream = Stream("tracking")
    stream.see(planted([0], [0]))
    for _ in range(AGE - 1):
        stream.see(planted([0], [1]))
    oldest = stream.tracks.lately_feats[0]
    stream.see(planted([0], [1]))
    assert (oldest == EYE[0]).all() and len(stream.tracks.lately_ids) == AGE
    assert (stream.tracks.lately()[1] == EYE[1]).all()
    nothing = elsewhere.kept(np.zeros(1, bool))
    for _ in range(MISSED + 1):  # frames that show nothing count
        assert stream.see(nothing) == []
    assert stream.tracks.lately()[0].tolist() == []
    assert stream.see(planted([0], [1])) == [1]


def test_parts_of_a_frame_that_are_alike_get_one_id():
    """By their own vectors, where masks overlap enough, whatever they look like."""
    masks = np.zeros((3, 40), bool)
    masks[0, :20], masks[1, 4:24], masks[2, 24:] = True, True, True
    for parts, number in (([0, 0, 0], 2), ([0, 1, 0], 3)):
        found = planted([0, 0, 0], [0, 1, 2], parts)
        found = found._replace(masks=masks, points=np.zeros((40, 3)))
        stream = Stream("tracking")
        assert len(set(stream.see(found))) == number
        assert len(stream.tracks.lately_ids) == 3


def test_boxes_alone_follow_what_overlaps_most():
    stream = Stream("box_iou")
    assert stream.see(view((0, 1), (0.4, 1))) == [0, 1]
    assert stream.see(view((0.5, 1), (0.1, 1), (7, 1))) == [1, 0, 2]
    np.testing.assert_allclose(
        stream.tracks.boxes[2, [0, 2, 3]], [6.985, -0.025, 7.995]
    )
    assert (boxes_of(np.zeros((1, 4), bool), np.ones((4, 3))) == 0).all()
