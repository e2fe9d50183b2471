"""Ids of a stream against images of the true ones."""

import json
from dataclasses import replace

import numpy as np
import pytest

from vantage3d.esam.evaluation.labelled import label_files, true_instances
from vantage3d.esam.evaluation.stream import FILE, FRESH, MODEL, ONE, TRUTH, score
from vantage3d.inference import open_footage
from vantage3d.results.prediction import FramePrediction, Instances, ScenePrediction

NAME = "scene0000_00"


@pytest.fixture(scope="module")
def room(filmed):
    return filmed("rgbd_folder") / NAME


@pytest.fixture(scope="module")
def truth(room):
    """Predictions that say the true instances by other ids."""
    frames = []
    for frame in open_footage(room):
        ids = true_instances(room / "instance" / f"{frame.name}.png")
        known = np.unique(ids[ids >= 0])
        found = Instances(
            ids == known[:, None, None],
            np.ones(len(known), np.float32),
            np.zeros(len(known), np.int64),
            ("object",),
            tracks=known + 100,
        )
        frames.append(
            FramePrediction(frame.name, frame.color, frame.K, instances=found)
        )
    return frames


@pytest.fixture(scope="module")
def labels(room, truth):
    return label_files(room, {NAME: [frame.name for frame in truth]})


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
