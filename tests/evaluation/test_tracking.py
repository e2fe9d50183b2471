"""Metrics of ids: trackers wrong in one way, and what the definitions say of it."""

import numpy as np
import pytest

from vantage3d.evaluation.tracking import track_metrics, tracked

FRAMES = 10
BLOCK = 4  # pixels of an instance
NOTHING = np.full(BLOCK, -1)
PERFECT = {
    **dict.fromkeys(("hota", "det_a", "ass_a", "idf1"), 1),
    **dict.fromkeys(("switches", "fragments", "duplicates", "deaths"), 0),
    **dict.fromkeys(("first_correct", "never_correct"), 0),
}


def stream(said, true=lambda t: (0, 1), frames=FRAMES, sequence="room"):
    """Frames of blocks of pixels, the last one without an instance.

    ``said`` are the ids of a frame's pixels, or one of each block; -1 for none.
    """
    made = []
    for t in range(frames):
        truth = np.concatenate([np.repeat(true(t), BLOCK), NOTHING])
        pixels = np.array(said(t))
        if len(pixels) * BLOCK < len(truth):
            pixels = np.concatenate([np.repeat(pixels, BLOCK), NOTHING])
        ids = np.unique(pixels[pixels >= 0])
        masks = pixels == ids[:, None]
        made.append(tracked(sequence, truth, masks, ids, min_region=1))
    return made


def check(frames, **expected):
    found = track_metrics(frames)
    assert {key: found[key] for key in expected} == pytest.approx(expected)


def test_a_perfect_tracker_may_call_instances_what_it_likes():
    check(stream(lambda t: (7, 3)), **PERFECT, births=0.2)


def test_ids_that_change_places_in_each_frame_are_switches():
    check(
        stream(lambda t: (t % 2, 1 - t % 2)),
        switches=2 * (FRAMES - 1),
        idf1=0.5,
        det_a=1,
        ass_a=1 / 3,  # 5 common of 10 + 10 - 5
        hota=np.sqrt(1 / 3),
        fragments=0,
        duplicates=0,
    )


def test_fresh_ids_are_births_and_deaths():
    check(
        stream(lambda t: (2 * t, 2 * t + 1)),
        births=2,
        deaths=1.8,  # those of the last frame live
        switches=2 * (FRAMES - 1),
        idf1=2 * 2 / (20 + 20),
        det_a=1,
        ass_a=1 / 10,
    )


def test_one_id_for_everything_shows_nothing():
    check(
        stream(lambda t: (5, 5, 5), lambda t: (0, 1, 2)),
        idf1=0,  # an overlap of 1/3
        never_correct=1,
        switches=0,
        births=0.1,
        ass_a=6 / 19,  # alphas to 0.30, at which one of three is matched for ever
        det_a=6 / 19 / 3,
        hota=6 / 19 * np.sqrt(1 / 3),
    )


def test_an_id_that_is_lost_for_five_frames_is_a_fragment():
    check(
        stream(lambda t: (-1 if 3 <= t < 8 else 0, 1)),
        fragments=1,
        switches=0,
        births=0.2,
        deaths=0,
        det_a=15 / 20,
        ass_a=(5 * 5 / 10 + 10 * 10 / 10) / 15,
        hota=np.sqrt(0.75 * 12.5 / 15),
        idf1=2 * 15 / (20 + 15),
    )


def test_out_of_sight_is_no_fragment():
    present = lambda t: (-1 if 3 <= t < 8 else 0, 1)  # noqa: E731
    check(stream(present, present), **PERFECT)


def test_ids_swapped_at_a_revisit_are_one_switch_each():
    """Both leave for three frames in the middle and come back as each other."""
    away = lambda t: 4 <= t < 7  # noqa: E731
    true = lambda t: (-1, -1) if away(t) else (0, 1)  # noqa: E731
    said = lambda t: (-1, -1) if away(t) else ((0, 1) if t < 4 else (1, 0))  # noqa: E731
    each = 4 * 4 / (7 + 7 - 4) + 3 * 3 / (7 + 7 - 3)
    check(
        stream(said, true),
        switches=2,
        fragments=0,
        det_a=1,
        ass_a=each / 7,
        hota=np.sqrt(each / 7),
        idf1=8 / 14,
        births=0.2,
        deaths=0,
    )


def test_two_ids_for_one_instance_are_a_duplicate():
    check(
        stream(lambda t: [0, 0, 0, 9, 1, 1, 1, 1, *NOTHING]),
        duplicates=0.5,  # one of two, in each frame
        switches=0,
        idf1=2 * 20 / (20 + 30),
        births=0.3,
    )


def test_the_right_id_may_come_late():
    check(
        stream(lambda t: (7 if t < 3 else 0, 1)),
        first_correct=(3 + 0) / 2,
        never_correct=0,
        switches=1,
        deaths=0.1,
        idf1=2 * 17 / (20 + 20),
    )


def test_an_overlap_of_exactly_half_is_seen_and_less_is_not():
    check(stream(lambda t: [0, 0, -1, -1, 1, 1, 1, 1, *NOTHING]), idf1=1)
    found = track_metrics(stream(lambda t: [0, -1, -1, -1, 1, 1, 1, 1, *NOTHING]))
    assert found["idf1"] == pytest.approx(0.5) and found["never_correct"] == 0.5


def test_the_id_it_had_goes_before_the_larger_overlap():
    """Masks that lie over each other, as in CLEAR MOT: what still shows it keeps it."""
    truth, frames = np.repeat([0, -1], BLOCK), []
    for ids in ([0], [0, 1]):
        masks = np.zeros((len(ids), 2 * BLOCK), bool)
        masks[-1, :BLOCK] = True
        masks[0, : BLOCK if len(ids) == 1 else BLOCK - 1] = True
        frames.append(tracked("room", truth, masks, np.array(ids), min_region=1))
    check(frames, switches=0, duplicates=0.5)


def test_ids_of_another_sequence_are_others():
    both = stream(lambda t: (0, 1)) + stream(lambda t: (1, 0), sequence="hall")
    check(both, **PERFECT, births=0.2)


def test_what_is_small_or_not_labelled_takes_no_part():
    truth = np.array([0, 0, 0, 1, -1, -1, -1, -1])
    pixels = np.array([4, 4, 4, 5, 4, 6, 6, 6])
    masks = pixels == np.array([[4], [5], [6]])
    frame = tracked("room", truth, masks, np.array([4, 5, 6]), min_region=2)
    assert frame.true_ids.tolist() == [0] and frame.ids.tolist() == [4]
    np.testing.assert_allclose([frame.ious, frame.inside], [[[3 / 4]], [[3 / 4]]])


def test_masks_of_one_id_are_one_instance():
    truth, masks = np.array([0, 0, 1, 1]), np.eye(4, dtype=bool)
    frame = tracked("room", truth, masks, np.array([3, 3, 8, 8]), min_region=1)
    assert frame.ids.tolist() == [3, 8]
    np.testing.assert_array_equal(frame.ious, np.eye(2))


def test_where_nothing_is_true_or_found():
    found = track_metrics(stream(lambda t: (3, -1), lambda t: (-1, -1)))
    assert all(np.isnan(found[key]) for key in ("hota", "idf1", "duplicates"))
    check(stream(lambda t: (-1, -1)), hota=0, idf1=0, births=0, never_correct=1)
    assert np.isnan(track_metrics([])["births"])
