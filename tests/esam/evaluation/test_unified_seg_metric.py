"""UnifiedSegMetric: through mmengine's Evaluator, against mmdet3d's numbers."""

import csv
import json
import math
import multiprocessing
import os

import numpy as np
import pytest
import torch
from mmdet3d.structures import Det3DDataSample, PointData
from mmengine.evaluator import Evaluator

from tests.evaluation.scenes import Scene, random_scene, reference_ap
from vantage3d.esam.evaluation import UnifiedSegMetric
from vantage3d.registry import METRICS

CLASSES = ["wall", "floor", "chair", "table", "door", "lamp"]
KEYS = ("all_ap", "all_ap_50%", "all_ap_25%")


def data_sample(scene: Scene, name: str = "scene0_0") -> Det3DDataSample:
    """``scene`` with thing classes 0..3, as the pipeline and the model leave it."""
    valid = (scene.labels >= 0) & (scene.instances >= 0)
    semantic = np.where(valid, scene.labels + 2, len(CLASSES))
    instances = np.where(valid, scene.instances + 2, -1)
    void = np.flatnonzero(~valid)
    for stuff, rows in enumerate(np.array_split(void, 3)[:2]):
        semantic[rows], instances[rows] = stuff, stuff
    sample = Det3DDataSample()
    sample.eval_ann_info = {
        "pts_semantic_mask": semantic,
        "pts_instance_mask": instances,
        "sp_pts_mask": np.arange(len(semantic)) // 150,
        "lidar_idx": name,
    }
    sample.pred_pts_seg = PointData(
        pts_semantic_mask=[semantic],
        pts_instance_mask=[scene.masks],
        instance_labels=scene.pred_labels,
        instance_scores=scene.scores,
    )
    return sample


def evaluate(samples: list, tmp_path, **options) -> dict:
    options = {"class_agnostic": True, "result_dir": str(tmp_path), **options}
    evaluator = Evaluator([METRICS.build({"type": "UnifiedSegMetric", **options})])
    evaluator.dataset_meta = {"classes": CLASSES}
    for sample in samples:
        evaluator.process([sample])
    return evaluator.evaluate(len(samples))


def sorted_by_score(scene: Scene) -> Scene:
    return scene.permuted(np.argsort(-scene.scores, kind="stable"))


def agnostic(scene: Scene) -> Scene:
    labels = np.minimum(scene.labels, 0)
    return Scene(
        labels,
        scene.instances,
        scene.masks,
        np.zeros_like(scene.pred_labels),
        scene.scores,
    )


@pytest.fixture
def scenes() -> list[Scene]:
    rng = np.random.default_rng(0)
    counts = [25, 0, 13]
    return [random_scene(rng, n_predictions=n, ties=n == 13) for n in counts]


def test_class_aware_equals_mmdet3d(scenes, tmp_path):
    got = evaluate(map_samples(scenes), tmp_path, class_agnostic=False)
    expected = reference_ap([sorted_by_score(s) for s in scenes], 4)
    for key in KEYS:
        assert got[key] == pytest.approx(expected[key], abs=1e-12)
    for index, name in enumerate(CLASSES[2:]):
        for key, value in expected["classes"][f"class{index}"].items():
            assert got[f"{name}/{key}"] == pytest.approx(value, abs=1e-12)


def test_class_agnostic_equals_mmdet3d(scenes, tmp_path):
    got = evaluate(map_samples(scenes), tmp_path)
    expected = reference_ap([agnostic(sorted_by_score(s)) for s in scenes], 1)
    assert sorted(got) == sorted(KEYS)
    for key in KEYS:
        assert got[key] == pytest.approx(expected[key], abs=1e-12)


def map_samples(scenes: list[Scene]) -> list[Det3DDataSample]:
    return [data_sample(scene, f"scene{i}_0") for i, scene in enumerate(scenes)]


def test_torch_predictions_and_any_order_give_the_same(scenes, tmp_path):
    expected = evaluate(map_samples(scenes), tmp_path)
    order = np.random.default_rng(1).permutation(25)
    samples = map_samples([scenes[2], scenes[0].permuted(order), scenes[1]])
    for sample in samples:
        prediction = sample.pred_pts_seg
        prediction.pts_instance_mask = [torch.tensor(prediction.pts_instance_mask[0])]
        prediction.instance_scores = torch.tensor(prediction.instance_scores)
        prediction.instance_labels = torch.tensor(prediction.instance_labels)
    assert evaluate(samples, tmp_path) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("class_agnostic", [True, False])
def test_trivial_answers(class_agnostic, tmp_path):
    instances = np.repeat([0, 1, -1], [300, 300, 400])
    labels = np.array([1, 3, -1])[instances]
    empty = np.zeros((0, 1000), bool)
    scene = Scene(labels, instances, empty, np.zeros(0, int), np.zeros(0))
    # superpoints of 150 points: each half of an instance, IoU 0.5 is not above 0.5
    options = {"class_agnostic": class_agnostic, "trivial_baselines": True}
    got = evaluate([data_sample(scene)], tmp_path, **options)
    assert [got[key] for key in KEYS] == [0, 0, 0]
    assert got["every_superpoint/all_ap_50%"] == 0
    # class-agnostic: two hits and two duplicates at one score: precision 2/4; class-
    # aware the same for each class. Recall 1: half of it at that precision, half at 1
    assert got["every_superpoint/all_ap_25%"] == pytest.approx(0.75)
    whole = got["one_per_frame/all_ap_25%"]
    # the frame fits both instances with IoU 0.3; the first one takes it
    assert whole == pytest.approx(0.5 * 0.5 + 0.25 if class_agnostic else 0.5)


def test_report_files_and_table(scenes, tmp_path, caplog):
    options = {"class_agnostic": False, "trivial_baselines": True}
    got = evaluate(map_samples(scenes), tmp_path, **options)
    report = json.loads((tmp_path / "instance_ap.json").read_text())
    assert report["class_agnostic"] is False
    assert report["scenes"] == 3
    assert report["overlaps"][:2] == [0.5, 0.55]
    assert set(report["answers"]) == {
        "model",
        "every superpoint an instance",
        "one instance per frame",
    }
    assert report["answers"]["model"]["all_ap"] == got["all_ap"]
    with open(tmp_path / "instance_ap.csv") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["class"] == "all"
    assert float(rows[0]["ap50"]) == got["all_ap_50%"]
    assert len(rows) == 3 * (1 + 4)


def test_absent_class_is_null_in_files_and_left_out_of_metrics(tmp_path):
    instances = np.repeat([0, -1], 300)
    labels = np.where(instances == 0, 1, -1)
    masks = (instances == 0)[None]
    scene = Scene(labels, instances, masks, np.array([1]), np.array([0.5]))
    got = evaluate([data_sample(scene)], tmp_path, class_agnostic=False)
    assert got == {
        **dict.fromkeys(KEYS, 1.0),
        **dict.fromkeys(("table/ap", "table/ap50%", "table/ap25%"), 1.0),
    }
    report = json.loads((tmp_path / "instance_ap.json").read_text())
    assert report["answers"]["model"]["classes"]["chair"]["ap"] is None
    rows = (tmp_path / "instance_ap.csv").read_text().splitlines()
    assert "model,chair,,," in rows


def test_no_truth_at_all_is_nan(tmp_path):
    instances = np.full(300, -1)
    masks = np.ones((1, 300), bool)
    scene = Scene(instances, instances, masks, np.array([1]), np.array([0.5]))
    got = evaluate([data_sample(scene)], tmp_path)
    assert all(math.isnan(got[key]) for key in KEYS)


def test_two_processes_give_the_numbers_of_one(scenes, tmp_path):
    expected = evaluate(map_samples(scenes), tmp_path)
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    workers = [
        context.Process(target=work, args=(rank, scenes, tmp_path, queue))
        for rank in range(2)
    ]
    for worker in workers:
        worker.start()
    got = [queue.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(timeout=60)
    assert got == [expected, expected]


def work(rank: int, scenes: list[Scene], tmp_path, queue) -> None:
    """One of two ranks; the sampler gives it every second sample, padded to equal."""
    os.chdir(tmp_path)  # mmengine collects in a folder of the current one
    os.environ.update(RANK=str(rank), WORLD_SIZE="2")
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{tmp_path}/rendezvous", rank=rank, world_size=2
    )
    metric = UnifiedSegMetric(class_agnostic=True, result_dir=str(tmp_path))
    metric.dataset_meta = {"classes": CLASSES}
    samples = map_samples(scenes)
    samples.append(samples[0])
    for sample in samples[rank::2]:
        metric.process(None, [sample.to_dict()])
    queue.put(metric.evaluate(len(scenes)))
    torch.distributed.destroy_process_group()


def test_wrong_length_names_the_sample(scenes, tmp_path):
    sample = data_sample(scenes[0], "scene0011_00_40")
    sample.pred_pts_seg.pts_instance_mask = [np.ones((25, 7), bool)]
    message = r"Sample scene0011_00_40: .*\(P, 3000\).*got bool \(25, 7\)"
    with pytest.raises(ValueError, match=message):
        evaluate([sample], tmp_path)


def test_label_out_of_range(scenes, tmp_path):
    sample = data_sample(scenes[0])
    sample.eval_ann_info["pts_semantic_mask"][5] = 77
    with pytest.raises(
        ValueError, match=r"scene0_0: .*0\.\.5 or be the ignored 6, got 77"
    ):
        evaluate([sample], tmp_path)
    sample.eval_ann_info["pts_instance_mask"][5] = -1
    evaluate([data_sample(scenes[0])], tmp_path, ignore_index=6)
    with pytest.raises(ValueError, match="ignored 255, got 6"):
        evaluate([data_sample(scenes[0])], tmp_path, ignore_index=255)


def test_stuff_must_come_first():
    with pytest.raises(ValueError, match=r"got \[1, 2\]"):
        UnifiedSegMetric(class_agnostic=True, stuff_class_inds=[1, 2])


def test_dataset_without_classes(scenes):
    metric = UnifiedSegMetric(class_agnostic=True)
    metric.dataset_meta = {"palette": []}
    with pytest.raises(KeyError, match="got the keys \\['palette'\\]"):
        metric.process(None, [data_sample(scenes[0]).to_dict()])


@pytest.mark.parametrize("class_agnostic", [True, False])
def test_predictions_as_files(scenes, tmp_path, class_agnostic):
    scene = sorted_by_score(scenes[0])
    evaluate(
        [data_sample(scene, "room_20")],
        tmp_path,
        class_agnostic=class_agnostic,
        predictions_dir=str(tmp_path / "new" / "predictions"),
    )
    with np.load(tmp_path / "new" / "predictions" / "room_20.npz") as found:
        np.testing.assert_array_equal(found["masks"], scene.masks)
        np.testing.assert_allclose(found["scores"], scene.scores, rtol=1e-6)
        names = [CLASSES[2 + label] for label in scene.pred_labels]
        expected = ["object"] * len(names) if class_agnostic else names
        assert found["classes"].tolist() == expected


def test_no_prediction_is_written_outside_of_its_folder(scenes, tmp_path):
    with pytest.raises(ValueError, match=r"has the name '\.\./\.\./escaped'"):
        evaluate(
            [data_sample(scenes[0], "../../escaped")],
            tmp_path,
            predictions_dir=str(tmp_path / "new" / "predictions"),
        )
    assert not list(tmp_path.rglob("escaped*"))
