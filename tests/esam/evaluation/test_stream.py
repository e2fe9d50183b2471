"""Ids of a stream against images of the true ones."""

import json
from dataclasses import replace

import pytest

from tests.esam.evaluation.conftest import NAME
from vantage3d.esam.evaluation.labelled import true_instances
from vantage3d.esam.evaluation.scene_ap import FRESH, MODEL, ONE
from vantage3d.esam.evaluation.stream import FILE, TRUTH, score
from vantage3d.results.prediction import ScenePrediction


def test_the_truth_is_perfect_and_the_trivial_answers_are_not(
    truth, labels, tmp_path, capsys
):
    found = score({NAME: ScenePrediction("a", truth)}, labels, tmp_path)
    assert found[MODEL] == found[TRUTH] and found[MODEL]["hota"] == 1
    assert found[ONE]["idf1"] < 0.5 and found[ONE]["switches"] == 0
    assert found[ONE]["births"] <= 1 / len(truth)
    assert found[FRESH]["det_a"] == 1 and found[FRESH]["idf1"] < 0.75
    assert found[FRESH]["switches"] > 0 == found[MODEL]["switches"]
    written = json.loads((tmp_path / FILE).read_text())
    assert written["frames"] == 3 and written["answers"][MODEL]["idf1"] == 1


def test_a_frame_that_was_left_out_is_missed_at_its_time(truth, labels, tmp_path):
    scene = ScenePrediction("a", [truth[0], truth[2]])
    found = score({NAME: scene}, labels, tmp_path)
    assert found[MODEL]["det_a"] < 1 == found[TRUTH]["det_a"]
    ids = [
        set(true_instances(path)[true_instances(path) >= 0].tolist())
        for path in labels.values()
    ]
    lasting = ids[0] & ids[1] & ids[2]
    assert 0 < found[MODEL]["fragments"] <= len(lasting)  # were it last, none


def test_instances_without_ids_are_refused(truth, labels, tmp_path):
    lone = replace(truth[0], instances=replace(truth[0].instances, tracks=None))
    scene = ScenePrediction("a", [lone])
    match = f"frame {NAME}, {lone.name}: its instances have no `tracks`"
    with pytest.raises(ValueError, match=match):
        score({NAME: scene}, labels, tmp_path)
