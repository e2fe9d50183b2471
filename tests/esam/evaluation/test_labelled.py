"""Predicted instances of recordings against images of the true ones."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from vantage3d.esam.evaluation.labelled import label_files, score, true_instances
from vantage3d.evaluation.metrics_table import AP_KEYS
from vantage3d.inference import open_footage
from vantage3d.io.images import read_ids
from vantage3d.io.scannet_classes import THING_IDS
from vantage3d.referee.evaluate import evaluate
from vantage3d.referee.tasks import find_task
from vantage3d.results.prediction import FramePrediction, Instances, ScenePrediction
from vantage3d.results.store import write_frame


@pytest.fixture(scope="module")
def room(filmed):
    return filmed("rgbd_folder") / "scene0000_00"


@pytest.fixture(scope="module")
def truth(room):
    """Predictions that say the true instances, in other sizes than the labels'."""
    frames = []
    for frame in open_footage(room):
        ids = true_instances(room / "instance" / f"{frame.name}.png")
        ids = ids.repeat(2, 0).repeat(2, 1)
        masks = np.stack([ids == number for number in np.unique(ids[ids >= 0])])
        scores, labels = np.ones(len(masks), np.float32), np.zeros(len(masks), np.int64)
        found = Instances(masks, scores, labels, ("object",), ids.astype(np.int32))
        frames.append(
            FramePrediction(frame.name, frame.color, frame.K, instances=found)
        )
    return frames


def files(folder, frames):
    return label_files(folder, {"scene0000_00": [frame.name for frame in frames]})


def test_the_truth_is_perfect(room, truth, tmp_path):
    labels = files(room.parent, truth)
    assert labels == files(room, truth)
    found = score({"scene0000_00": ScenePrediction("a", truth)}, labels, tmp_path)
    assert found["all_ap"] == 1 and found["every_superpoint/all_ap"] == 1
    assert found["one_per_frame/all_ap"] < 0.5
    written = json.loads((tmp_path / "instance_ap.json").read_text())
    assert written["answers"]["model"]["all_ap"] == 1 and written["scenes"] == 3
    assert Image.open(tmp_path / "instances.png").width > 1000


def test_the_referee_says_the_same_of_the_files(room, truth, tmp_path):
    rng, frames = np.random.default_rng(0), []
    for frame in truth:
        found = frame.instances
        masks = found.masks & (rng.random(found.masks.shape) < 0.8)
        scores = np.sort(rng.random(len(masks)))[::-1].astype(np.float32)
        frames.append(
            replace(frame, instances=replace(found, masks=masks, scores=scores))
        )
        write_frame(tmp_path / "out" / "frames" / f"{frame.name}.npz", frames[-1])
    scene = {"scene0000_00": ScenePrediction("a", frames)}
    expected = score(scene, files(room, frames), tmp_path)
    task = find_task("instances", "esam-single-view")
    result = evaluate(task, tmp_path / "out", room)
    assert 0 < expected["all_ap"] < 1 and result.predictions.format == "predict"
    for answer, prefix in (
        ("model", ""),
        ("every superpoint", "every_superpoint/"),
        ("one instance for all", "one_per_frame/"),
    ):
        for key in AP_KEYS:
            got = result.figures[answer][key]
            assert got == pytest.approx(expected[prefix + key], abs=1e-12)


def test_instances_of_a_frame_without_prediction_are_missed(room, truth, tmp_path):
    counts = [
        int((frame.instances.masks.sum((1, 2)) >= 400).sum()) for frame in truth
    ]  # 100 pixels of the labels
    one = {"scene0000_00": ScenePrediction("a", truth[:1])}
    found = score(one, files(room, truth), tmp_path)
    assert found["all_ap"] == pytest.approx(counts[0] / sum(counts))


def test_of_known_classes_things_alone_count(room, truth, tmp_path):
    scene = tmp_path / "scene"
    shutil.copytree(room / "instance", scene / "instance")
    path = scene / "instance" / f"{truth[0].name}.png"
    everything = true_instances(path)
    things = true_instances(room / "instance" / path.name)
    semantic = read_ids(room / "semantic" / path.name)
    np.testing.assert_array_equal(everything, read_ids(path) - 1)
    walls = (everything >= 0) & (things < 0)
    assert walls.any() and not set(semantic[walls]) & set(THING_IDS["id"])
    assert set(semantic[things >= 0]) <= set(THING_IDS["id"])


def test_what_is_no_truth(room, truth, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none of 3 frames .*instance/0\.png"):
        files(tmp_path, truth)
    (tmp_path / "instance").mkdir()
    wide = np.zeros((120, 320), np.uint8)
    Image.fromarray(wide).save(tmp_path / "instance/0.png")
    scenes = {"scene0000_00": ScenePrediction("a", truth)}
    with pytest.raises(ValueError, match=r"scene0000_00, 0: .*320x120 .* 160x120"):
        score(scenes, files(tmp_path, truth), tmp_path)
    (tmp_path / "semantic").mkdir()
    Image.fromarray(wide[:, :160]).save(tmp_path / "semantic/0.png")
    with pytest.raises(ValueError, match=r"is 160x120 and .* is 320x120. Both must"):
        true_instances(tmp_path / "instance/0.png")
