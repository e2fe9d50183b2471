import numpy as np
import pytest

from vantage3d.esam.datasets import AddSuperPointAnnotations, SwapChairAndFloor
from vantage3d.esam.datasets.annotations import majority

NUM_CLASSES, STUFF = 5, [0, 1]


def annotate(instances, semantic, superpoints, **extra):
    results = {
        "pts_instance_mask": np.array(instances),
        "pts_semantic_mask": np.array(semantic),
        "sp_pts_mask": np.array(superpoints),
        **extra,
    }
    return AddSuperPointAnnotations(NUM_CLASSES, STUFF).transform(results)


def test_swap_is_its_own_inverse_and_moves_only_two_ids():
    results = {"pts_semantic_mask": np.arange(6)}
    once = SwapChairAndFloor().transform(results)["pts_semantic_mask"]
    np.testing.assert_array_equal(once, [0, 1, 3, 2, 4, 5])
    twice = SwapChairAndFloor().transform({"pts_semantic_mask": once})
    np.testing.assert_array_equal(twice["pts_semantic_mask"], np.arange(6))


def test_majority_equals_counting_point_by_point():
    rng = np.random.default_rng(0)
    superpoints = np.concatenate([np.arange(7), rng.integers(0, 7, 60)])
    ids = rng.integers(-1, 4, len(superpoints))
    expected = np.zeros((4, 7), dtype=bool)
    for row in range(4):
        for column in range(7):
            inside = superpoints == column
            expected[row, column] = np.mean(ids[inside] == row) > 0.5
    np.testing.assert_array_equal(majority(superpoints, ids, 4), expected)


def test_stuff_and_unlabelled_points_are_no_instance():
    # points: wall with an id, thing 7, thing 7, unlabelled with an id, thing 3
    out = annotate([9, 7, 7, 4, 3], [0, 2, 2, 5, 4], [0, 1, 1, 2, 3])
    np.testing.assert_array_equal(out["pts_instance_mask"], [-1, 1, 1, -1, 0])
    np.testing.assert_array_equal(out["gt_labels_3d"][:2], [2, 0])  # class - 2 stuff
    masks = out["gt_sp_masks"].numpy()
    assert masks.shape == (2 + NUM_CLASSES + 1, 4)
    np.testing.assert_array_equal(masks[0], [0, 0, 0, 1])
    np.testing.assert_array_equal(masks[1], [0, 1, 0, 0])
    np.testing.assert_array_equal(masks[2], [1, 0, 0, 0])  # wall
    np.testing.assert_array_equal(masks[-1], [0, 0, 1, 0])  # no class


def test_no_instance_is_lost_when_every_point_belongs_to_one():
    # The reference shifts all labels in a frame without an unlabelled point.
    out = annotate([4, 4, 8, 8], [2, 2, 3, 3], [0, 0, 1, 1])
    np.testing.assert_array_equal(out["pts_instance_mask"], [0, 0, 1, 1])
    np.testing.assert_array_equal(out["gt_labels_3d"][:2], [0, 1])


def test_a_frame_without_things_has_only_semantic_rows():
    out = annotate([0, 0], [0, 5], [0, 1])
    assert out["gt_sp_masks"].shape == (NUM_CLASSES + 1, 2)
    np.testing.assert_array_equal(out["pts_instance_mask"], [-1, -1])


def test_superpoint_without_majority_is_unlabelled():
    out = annotate([1, 0], [2, 0], [0, 0])
    np.testing.assert_array_equal(out["gt_sp_masks"][:, 0].numpy()[-1], True)
    assert not out["gt_sp_masks"][:-1].any()


def test_evaluation_ids_put_things_behind_stuff():
    out = annotate([9, 7, 0, 3], [1, 2, 5, 4], [0, 1, 2, 3], eval_ann_info={})
    info = out["eval_ann_info"]
    np.testing.assert_array_equal(info["pts_instance_mask"], [1, 3, -1, 2])


def test_stuff_classes_must_come_first():
    with pytest.raises(ValueError, match=r"0\.\.n-1, got \[1, 2\]"):
        AddSuperPointAnnotations(5, [1, 2])


def test_points_that_were_filtered_without_their_labels():
    message = r"of frame_7 have different lengths: {'points': 3, 'pts_semantic_mask': 2"
    with pytest.raises(ValueError, match=message):
        annotate([1, 1], [2, 2], [0, 0], points=np.zeros((3, 6)), sample_idx="frame_7")
