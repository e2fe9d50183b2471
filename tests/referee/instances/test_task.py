"""Figures of instances from files: beside mmdet3d's evaluator, golden and slow ones."""

import numpy as np
import pytest

from tests.evaluation.scenes import Scene, random_scene, reference_ap
from tests.evaluation.test_scannet_ap import obvious_area, obvious_outcomes
from tests.shared import need
from vantage3d.evaluation.metrics_table import AP_KEYS
from vantage3d.referee.evaluate import evaluate
from vantage3d.referee.instances.classes import TABLES
from vantage3d.referee.instances.data import PredictedInstances, TrueInstances
from vantage3d.referee.instances.predictions import BenchmarkText, PredPtsSegNpz
from vantage3d.referee.instances.truth import BenchmarkTruth, OwnTruth
from vantage3d.referee.tasks import find_task

KINDS = ("ap", "ap50%", "ap25%")


def written(root, protocol, scenes, reader=BenchmarkText, truth=BenchmarkTruth):
    """Scenes whose labels are places among the things of the protocol, as files."""
    task = find_task("instances", protocol)
    ids = np.array([*TABLES[task.rules.classes].things, 0])
    for number, scene in enumerate(scenes):
        name = f"scene{number:04d}_00"
        known = np.where(scene.labels >= 0, scene.instances, -1)
        true = TrueInstances(known, ids[scene.labels])
        truth(task.rules).write(root / "truth", name, true)
        labels = ids[scene.pred_labels]
        found = PredictedInstances(scene.masks, scene.scores, labels)
        reader(task.rules).write(root / "predictions", name, found)
    return evaluate(task, root / "predictions", root / "truth")


def random_scenes(seed, count=3, **options):
    rng = np.random.default_rng(seed)
    return [random_scene(rng, 2000, 8, 12, ties=True, **options) for _ in range(count)]


@pytest.mark.parametrize("protocol", ["scannet-official", "scannet200-official"])
def test_class_aware_figures_are_those_of_mmdet3d(protocol, tmp_path):
    scenes = random_scenes(3)
    expected = reference_ap(scenes, 18)
    figures = written(tmp_path, protocol, scenes).figures["model"]
    for key in AP_KEYS:
        assert figures[key] == pytest.approx(expected[key], abs=1e-9)
    names = find_task("instances", protocol).table.names
    for name, row in zip(names, expected["classes"].values()):
        for kind in KINDS:
            got = figures[f"{name}/{kind}"]
            assert got == pytest.approx(row[kind], abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("protocol", ["esam-2024", "esam-single-view"])
def test_class_agnostic_figures_are_those_of_mmdet3d(protocol, tmp_path):
    scenes = random_scenes(4)
    figures = written(tmp_path, protocol, scenes).figures["model"]
    for scene in scenes:
        scene.labels[:] = np.minimum(scene.labels, 0)
        scene.pred_labels[:] = 0
    expected = reference_ap(scenes, 1)
    for key in AP_KEYS:
        assert figures[key] == pytest.approx(expected[key], abs=1e-9)


def test_strict_is_the_mean_of_ten_overlaps_of_a_slow_obvious_version(tmp_path):
    scenes = random_scenes(5, 2, n_classes=1)
    for scene in scenes:
        scene.scores[:] = np.random.default_rng(0).permutation(12) / 12
    figures = written(tmp_path, "strict", scenes).figures["model"]
    areas = []
    for overlap in np.arange(0.5, 1.0, 0.05):
        examples = [e for s in scenes for e in obvious_outcomes(s, overlap, 100)]
        sizes = [np.bincount(s.instances[s.labels == 0]) for s in scenes]
        n_true = sum(int((size >= 100).sum()) for size in sizes)
        areas.append(obvious_area(examples, n_true))
    assert len(areas) == 10 and 0 < areas[0] < 1
    assert figures["all_ap"] == pytest.approx(np.mean(areas), abs=1e-12)
    assert figures["all_ap_50%"] == pytest.approx(areas[0], abs=1e-12)


def test_golden_file(tmp_path):
    data = np.load(need("golden/scannet_ap_dev.npz"))
    ids = data["class_ids"].tolist()
    assert ids == list(TABLES["scannet20"].things)
    scenes = []
    for number in range(sum(key.startswith("gt_semantic") for key in data)):
        semantic = data[f"gt_semantic{number}"].tolist()
        labels = np.array([ids.index(x) if x in ids else -1 for x in semantic])
        packed = data[f"pred_masks{number}"]
        masks = np.unpackbits(packed, axis=1, count=len(labels)).astype(bool)
        own = data[f"pred_labels{number}"], data[f"pred_scores{number}"]
        scenes.append(Scene(labels, data[f"gt_instance{number}"], masks, *own))
    kinds = PredPtsSegNpz, OwnTruth
    for protocol, prefix in (
        ("scannet-official", "all"),
        ("esam-2024", "agnostic"),
    ):
        if prefix == "agnostic":  # of any class of the protocol's own table
            for scene in scenes:
                scene.labels[:] = np.minimum(scene.labels, 0)
        figures = written(tmp_path / prefix, protocol, scenes, *kinds).figures["model"]
        for key, suffix in zip(AP_KEYS, ("ap", "ap_50", "ap_25")):
            expected = data[f"expected_{prefix}_{suffix}"]
            assert figures[key] == pytest.approx(expected, abs=1e-9)


def test_stuff_is_neither_missed_nor_found_and_other_ids_are_refused(tmp_path):
    scenes = random_scenes(6)
    before = written(tmp_path, "scannet-official", scenes).figures["model"]
    path = tmp_path / "predictions" / "scene0000_00.txt"
    mask = path.read_text().split()[0]
    text = f"{path.read_text()}{mask} 1 0.99\n"
    path.write_text(text)  # a wall
    task = find_task("instances", "scannet-official")
    folders = tmp_path / "predictions", tmp_path / "truth"
    after = evaluate(task, *folders).figures["model"]
    assert [after[key] for key in AP_KEYS] == [before[key] for key in AP_KEYS]
    path.write_text(text.replace(" 1 0.99", " 13 0.99"))  # blinds, of NYU's 40
    result = evaluate(task, *folders)
    assert [result.figures["model"][key] for key in AP_KEYS] == [
        before[key] for key in AP_KEYS
    ]
    assert result.counts["of classes that are not judged"] == 1
    path.write_text(text.replace(" 1 0.99", " 41 0.99"))
    with pytest.raises(ValueError, match=r"predicted classes: \[41\] are no ids of"):
        evaluate(task, *folders)
    path = tmp_path / "truth" / "scene0000_00.txt"
    path.write_text(path.read_text().replace("0\n", "41001\n", 1))
    with pytest.raises(ValueError, match=r"classes of the truth: \[41\] are no ids"):
        evaluate(task, *folders)


def test_chair_and_floor_are_those_of_the_files():
    table = TABLES["scannet200"]
    assert table.things[2] == "chair" and table.stuff == {1: "wall", 3: "floor"}
    assert len(table.things) == 198 and len(TABLES["scannet20"].things) == 18
    assert table.places(np.array([2, 3, 0, -1, 1, 4]), "ids").tolist() == [
        0,
        -1,
        -1,
        -1,
        -1,
        1,
    ]


@pytest.mark.parametrize(
    ("protocol", "name", "cluster"),
    [
        ("strict", "scene0011_01", "scene0011"),
        ("strict", "office_1", "office_1"),
        ("esam-single-view", "scene0011_01_200", "scene0011"),
        ("esam-single-view", "desk_cam_17", "desk_cam"),
        ("esam-single-view", "000017", ""),
    ],
)
def test_clusters_are_rooms_and_recordings(protocol, name, cluster):
    assert find_task("instances", protocol).cluster(name) == cluster
