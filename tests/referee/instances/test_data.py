"""How predictions come onto the truth's points, and what does not fit it."""

from dataclasses import replace

import numpy as np
import pytest

from vantage3d.referee.instances.data import (
    PredictedInstances,
    TrueInstances,
    onto_truth,
)
from vantage3d.referee.tasks import find_task

LINE = np.stack([np.arange(6.0), np.zeros(6), np.zeros(6)], 1)
TRUTH = TrueInstances(np.array([0, 0, 0, 1, 1, -1]), None, LINE, np.arange(6) // 3)


def on(points, masks):
    return PredictedInstances(
        np.array(masks, bool), np.ones(len(masks)), None, np.array(points)
    )


def test_a_true_point_takes_the_masks_of_the_nearest_within_the_limit():
    pred = on([[0.4, 0, 0], [2.1, 0, 0]], [[1, 0], [0, 1]])
    free = onto_truth(pred, TRUTH, np.inf, smooth=False)
    assert free.masks.astype(int).tolist() == [[1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 1, 1]]
    near = onto_truth(pred, TRUTH, 1.0, smooth=False)
    assert near.masks.astype(int).tolist() == [[1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0]]
    whole = onto_truth(pred, TRUTH, np.inf, smooth=True)
    assert whole.masks.astype(int).tolist() == [[1, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]]


def test_pixels_of_another_size_are_the_nearest_ones():
    truth = TrueInstances(np.zeros(16, int), size=(4, 4))
    small = PredictedInstances(np.eye(4, dtype=bool)[:1], np.ones(1), size=(2, 2))
    masks = onto_truth(small, truth, None, smooth=False).masks.reshape(4, 4)
    assert masks.tolist() == np.kron([[1, 0], [0, 0]], np.ones((2, 2))).tolist()
    wide = replace(small, size=(1, 4))
    with pytest.raises(ValueError, match="prediction is 4x1 and the truth 4x4"):
        onto_truth(wide, truth, None, smooth=False)


@pytest.mark.parametrize(
    ("protocol", "change", "said"),
    [
        ("strict", {"masks": np.ones((1, 5), bool)}, "over 5 points and the truth has"),
        ("strict", {"scores": np.array([np.nan])}, "`scores` must be finite, got nan"),
        ("strict", {"scores": np.array([87.0])}, "near it, got 87. Give probabilities"),
        ("strict", {"scores": np.ones(2)}, r"`scores` must have shape \(P=1,\), got"),
        ("strict", {"points": LINE[:4]}, r"must have shape \(N=6, 3\), got \(4, 3\)"),
        ("strict", {"points": LINE + np.inf}, "`points` must be finite"),
        ("esam-single-view", {"points": LINE}, "6 points of its own, and the protocol"),
        ("scannet-official", {}, "the truth has no `classes`"),
    ],
)
def test_what_does_not_fit_is_named(protocol, change, said):
    pred = PredictedInstances(np.ones((1, 6), bool), np.ones(1))
    with pytest.raises(ValueError, match=said):
        find_task("instances", protocol).measure(
            "a", replace(pred, **change), replace(TRUTH, classes=None)
        )


@pytest.mark.parametrize(
    ("points", "said"),
    [
        (1000 * LINE, "points span 4.5e.03 m and those of the truth 4.5 m. Give"),
        (
            LINE + 50 * np.eye(3)[1],
            r"lie around \[ 2.5 50.   0. \] and .*: they do not stand",
        ),
    ],
)
def test_other_units_and_other_worlds_are_named(points, said):
    with pytest.raises(ValueError, match=said):
        onto_truth(on(points, np.ones((1, 6))), TRUTH, np.inf, smooth=False)


def test_no_transfer_onto_a_truth_without_points():
    bare = replace(TRUTH, points=None)
    with pytest.raises(ValueError, match="2 points of its own, and the truth has none"):
        onto_truth(on(LINE[:2], [[1, 1]]), bare, np.inf, smooth=False)


def test_a_protocol_with_classes_refuses_predictions_without():
    truth = replace(TRUTH, classes=np.full(6, 4))
    pred = PredictedInstances(np.ones((1, 6), bool), np.ones(1))
    with pytest.raises(ValueError, match="the prediction has no classes"):
        find_task("instances", "scannet-official").measure("a", pred, truth)
