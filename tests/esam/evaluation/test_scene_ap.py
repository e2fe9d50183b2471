"""AP of the scene that a stream puts together, over time."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.esam.evaluation.conftest import NAME
from vantage3d.esam.evaluation.scene_ap import (
    FILE,
    FRESH,
    MODEL,
    MOMENTS,
    ONE,
    PICTURE,
    SUPERPOINTS,
    overlaps,
    score,
)
from vantage3d.evaluation.instance_overlaps import scene_overlaps, scene_truth
from vantage3d.results.prediction import ScenePrediction


def said(frame, **values):
    """The frame with other values of its instances."""
    return replace(frame, instances=replace(frame.instances, **values))


@pytest.fixture(scope="module")
def perfect(truth, labels, tmp_path_factory):
    """Of the truth, with every instance and what is left as superpoints."""
    frames = [said(f, superpoints=f.instances.ids()) for f in truth]
    out = tmp_path_factory.mktemp("scene_ap")
    found = score({NAME: ScenePrediction("a", frames)}, labels, out)
    assert json.loads((out / FILE).read_text())["over_time"] == found["over_time"]
    assert (out / PICTURE).stat().st_size > 10_000
    assert found["diagnostics"]["stuck"] == found["diagnostics"]["untouched"] == 0
    shown = [len(frame.instances.tracks) for frame in truth]
    assert found["monitor"]["detections"]["mean"] == np.mean(shown)
    ids = np.unique(np.concatenate([frame.instances.tracks for frame in truth]))
    assert found["monitor"]["new_ids"]["mean"] == len(ids) / len(truth)
    return found


def test_the_truth_is_nearly_perfect_at_all_times(perfect):
    """Voxels of 5 cm hold points of two instances: one misses an IoU of 0.9."""
    assert perfect["answers"][MODEL]["all_ap"] > 0.89
    assert len(perfect["over_time"]) == MOMENTS
    for row in perfect["over_time"]:
        assert row["answers"][MODEL]["all_ap_50%"] == pytest.approx(1)
        assert row["found"] >= row["true"]
    true = [row["true"] for row in perfect["over_time"]]
    assert true == sorted(true) and true[-1] == perfect["true"] > 3


def test_answers_without_a_tracker_fall_behind(perfect):
    answers = perfect["answers"]
    assert answers[ONE]["all_ap_50%"] < 0.1
    for name in (FRESH, SUPERPOINTS):
        assert 0 < answers[name]["all_ap"] < answers[MODEL]["all_ap"]
    first = perfect["over_time"][0]["answers"]  # one frame: nothing to track yet
    assert first[FRESH]["all_ap"] == first[MODEL]["all_ap"]


def test_ids_that_change_places_cost_ap(truth, labels, tmp_path):
    swapped = [
        said(frame, tracks=np.roll(frame.instances.tracks, place))
        for place, frame in enumerate(truth)
    ]
    found = score({NAME: ScenePrediction("a", swapped)}, labels, tmp_path)
    assert found["answers"][MODEL]["all_ap"] < 0.7  # 0.90 of the truth
    assert SUPERPOINTS not in found["answers"]


def test_overlaps_are_those_of_masks_best_first():
    rng = np.random.default_rng(0)
    ids, true = rng.integers(-1, 6, 4000), rng.integers(-1, 4, 4000)
    scores = np.array([0.1, 0.4 / 3, 0.5 / 3, 0.6 / 3, 1, 1])
    truth = scene_truth(np.minimum(true, 0), true)
    order = [5, 4, 3, 2, 1, 0]
    masks = ids == np.array([4, 5, 3, 2, 1, 0])[:, None]
    means = np.array([1, 1, 0.6 / 3, 0.5 / 3, 0.4 / 3, 0.1])
    slow = scene_overlaps(truth, masks, np.zeros(len(order), int), means)
    fast = overlaps(truth, ids, scores)
    for name in ("intersections", "pred_sizes", "pred_void", "pred_scores"):
        np.testing.assert_allclose(getattr(fast, name), getattr(slow, name))


def test_labels_of_another_view_are_refused(truth, labels, tmp_path):
    half = replace(truth[0], color=truth[0].color[:, ::2])
    with pytest.raises(ValueError, match="they do not show the same view"):
        score({NAME: ScenePrediction("a", [half])}, labels, tmp_path)
