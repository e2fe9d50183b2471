"""ScanNet AP: against mmdet3d, an obvious version, golden files and closed forms."""

import json

import numpy as np
import pytest

from tests.evaluation.scenes import Scene, random_scene, reference_ap
from tests.shared import need
from vantage3d.evaluation.instance_overlaps import (
    partition_overlaps,
    scene_overlaps,
    scene_truth,
)
from vantage3d.evaluation.scannet_ap import (
    AP_OVERLAPS,
    average_precisions,
    instance_ap,
    match_scene,
    precision_recall_areas,
    resampled_precisions,
)

KEYS = ("all_ap", "all_ap_50%", "all_ap_25%")


def names(count: int) -> list[str]:
    return [f"class{index}" for index in range(count)]


def ours(scenes: list[Scene], n_classes: int, min_region: int = 100) -> dict:
    return instance_ap([s.overlaps() for s in scenes], names(n_classes), min_region)


def assert_same(got: dict, expected: dict) -> None:
    for key in KEYS:
        np.testing.assert_allclose(got[key], expected[key], rtol=0, atol=1e-12)
    assert list(got["classes"]) == list(expected["classes"])
    for name, values in expected["classes"].items():
        for key in ("ap", "ap50%", "ap25%"):
            np.testing.assert_allclose(
                got["classes"][name][key], values[key], rtol=0, atol=1e-12
            )


@pytest.mark.parametrize("seed", range(25))
def test_equals_mmdet3d(seed):
    rng = np.random.default_rng(seed)
    scenes = [
        random_scene(
            rng,
            n_instances=int(rng.integers(1, 20)),
            n_predictions=int(rng.integers(0, 40)),
            ties=seed % 2 == 0,
        )
        for _ in range(4)
    ]
    assert_same(ours(scenes, 4), reference_ap(scenes, 4))


@pytest.mark.parametrize("min_region", [1, 30, 400])
def test_equals_mmdet3d_at_other_region_sizes(min_region):
    scenes = [random_scene(np.random.default_rng(7), ties=True) for _ in range(3)]
    expected = reference_ap(scenes, 4, min_region)
    assert_same(ours(scenes, 4, min_region), expected)


def test_equals_mmdet3d_where_a_prediction_fits_two_instances_at_a_quarter():
    instances = np.repeat([0, 1, 2, -1], 200)
    labels = np.where(instances >= 0, 0, -1)
    masks = np.zeros((4, 800), bool)
    masks[0, :400], masks[1, 100:400], masks[2, :600], masks[3, 190:410] = 1, 1, 1, 1
    for order in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 3, 0, 2]):
        scene = Scene(labels, instances, masks, np.zeros(4, int), np.arange(4) / 4)
        scene = scene.permuted(np.array(order))
        assert_same(ours([scene], 1), reference_ap([scene], 1))


def test_scenes_without_predictions_or_truth_equal_mmdet3d():
    rng = np.random.default_rng(3)
    full = random_scene(rng)
    no_predictions = random_scene(rng, n_predictions=0)
    no_truth = random_scene(rng)
    no_truth.labels[:], no_truth.instances[:] = -1, -1
    for scenes in ([full, no_predictions, no_truth], [no_predictions], [no_truth]):
        assert_same(ours(scenes, 4), reference_ap(scenes, 4))
    assert np.isnan(ours([no_truth], 4)["all_ap"])
    assert ours([no_predictions], 4)["all_ap"] == 0
    assert np.isnan(instance_ap([], names(2))["all_ap"])


def test_golden_file():
    data = np.load(need("golden/scannet_ap_dev.npz"))
    class_ids = data["class_ids"].tolist()
    scenes = []
    for number in range(sum(key.startswith("gt_semantic") for key in data)):
        semantic = data[f"gt_semantic{number}"]
        truth = scene_truth(
            np.array([class_ids.index(x) if x in class_ids else -1 for x in semantic]),
            data[f"gt_instance{number}"],
        )
        packed = data[f"pred_masks{number}"]
        masks = np.unpackbits(packed, axis=1, count=len(semantic)).astype(bool)
        labels, scores = data[f"pred_labels{number}"], data[f"pred_scores{number}"]
        scenes.append(scene_overlaps(truth, masks, labels, scores))
    aware = instance_ap(scenes, names(len(class_ids)))
    agnostic = instance_ap([scene.agnostic() for scene in scenes], ["object"])
    for suffix, key in zip(("ap", "ap_50", "ap_25"), KEYS):
        assert aware[key] == pytest.approx(data[f"expected_all_{suffix}"], abs=1e-9)
        expected = data[f"expected_agnostic_{suffix}"]
        assert agnostic[key] == pytest.approx(expected, abs=1e-9)
    for key, name in (("ap", "expected_class_ap"), ("ap50%", "expected_class_ap50")):
        got = [values[key] for values in aware["classes"].values()]
        np.testing.assert_allclose(got, data[name], rtol=0, atol=1e-9)


def test_golden_class_agnostic_example():
    expected = json.loads(need("golden/esam_golden.json").read_text())
    instances = np.append(np.repeat([0, 1, 2], 250), np.full(250, -1))
    masks = np.zeros((4, 1000), bool)
    masks[0, :240], masks[1, 250:420], masks[2, 600:760], masks[3, 750:] = 1, 1, 1, 1
    scores = np.array([0.9, 0.8, 0.7, 0.6])
    labels = np.where(instances >= 0, 0, -1)
    got = ours([Scene(labels, instances, masks, np.zeros(4, int), scores)], 1)
    for key in KEYS:
        assert got[key] == pytest.approx(expected["cat_agnostic_eval"][key], abs=1e-9)


@pytest.mark.parametrize("name", ["scene0000_00", "scene0001_00"])
def test_real_scans(name):
    folder = need("data/scannet_votenet_labels")
    instances = np.load(folder / f"{name}_ins_label.npy").astype(int) - 1
    nyu40 = np.load(folder / f"{name}_sem_label.npy").astype(int)
    first = {i: nyu40[instances == i][0] - 1 for i in np.unique(instances) if i >= 0}
    labels = np.array([first.get(i, -1) for i in instances])
    ids = np.array(list(first))
    masks = instances == ids[:, None]
    classes = np.array(list(first.values()))
    valid = classes >= 0
    scene = Scene(labels, instances, masks[valid], classes[valid], np.ones(valid.sum()))
    perfect = ours([scene], 40)
    assert [perfect[key] for key in KEYS] == [1, 1, 1]

    rng = np.random.default_rng(0)
    noisy = scene.masks & (rng.random(scene.masks.shape) < 0.8)
    noisy |= np.roll(scene.masks, 1, axis=0) & (rng.random(scene.masks.shape) < 0.2)
    scores = rng.random(len(noisy))
    perturbed = Scene(labels, instances, noisy, scene.pred_labels, scores)
    got = ours([perturbed], 40)
    assert 0 < got["all_ap"] < 1
    assert_same(got, reference_ap([perturbed], 40))


def test_a_slow_obvious_version_agrees():
    rng = np.random.default_rng(5)
    for _ in range(10):
        scenes = [random_scene(rng, 600, 5, 8, 1) for _ in range(2)]
        overlap = 0.5
        examples, n_true = [], 0
        for scene in scenes:
            examples += list(obvious_outcomes(scene, overlap, 20))
            sizes = np.bincount(scene.instances[scene.labels == 0])
            n_true += int((sizes >= 20).sum())
        got = average_precisions(
            [s.overlaps() for s in scenes], 1, np.array([overlap]), 20
        )
        if n_true == 0:
            assert np.isnan(got[0, 0])
        else:
            expected = obvious_area(examples, n_true)
            assert got[0, 0] == pytest.approx(expected, abs=1e-12)


def obvious_outcomes(scene: Scene, overlap: float, min_region: int):
    """(score, hit) of one class, from sets of points."""
    void = {i for i in range(len(scene.labels)) if scene.labels[i] < 0}
    truth = {
        k: {i for i in range(len(scene.labels)) if scene.instances[i] == k} - void
        for k in set(scene.instances.tolist()) - {-1}
    }
    truth = {k: points for k, points in truth.items() if points}
    masks = [set(np.flatnonzero(mask).tolist()) for mask in scene.masks]
    big = [p for p, mask in enumerate(masks) if len(mask) >= min_region]
    matched = set()
    for points in truth.values():
        fits = [p for p in big if iou(masks[p], points) > overlap]
        matched.update(fits)
        if len(points) >= min_region:
            fits.sort(key=lambda p: -scene.scores[p])
            yield from ((scene.scores[p], p == fits[0]) for p in fits)
    small = [points for points in truth.values() if len(points) < min_region]
    for p in set(big) - matched:
        ignored = len(masks[p] & void) + sum(len(masks[p] & s) for s in small)
        if ignored / len(masks[p]) <= overlap:
            yield scene.scores[p], False


def iou(a: set, b: set) -> float:
    return len(a & b) / len(a | b)


def obvious_area(examples: list[tuple[float, bool]], n_true: int) -> float:
    """Centred steps of recall, threshold by threshold from the strictest one."""
    curve = [(0.0, 1.0)]
    for threshold in sorted({score for score, _ in examples}, reverse=True):
        above = [hit for score, hit in examples if score >= threshold]
        curve.append((sum(above) / n_true, sum(above) / len(above)))
    recalls = [curve[0][0], *(recall for recall, _ in curve), curve[-1][0]]
    steps = [(recalls[i + 2] - recalls[i]) / 2 for i in range(len(curve))]
    return sum(step * precision for step, (_, precision) in zip(steps, curve))


def test_ground_truth_as_prediction_has_ap_one():
    scene = random_scene(np.random.default_rng(1), n_instances=6)
    ids, first = np.unique(scene.instances, return_index=True)
    keep = scene.labels[first] >= 0
    masks, labels = scene.instances == ids[keep][:, None], scene.labels[first][keep]
    perfect = Scene(scene.labels, scene.instances, masks, labels, np.ones(len(labels)))
    assert [ours([perfect], 4)[key] for key in KEYS] == [1, 1, 1]


def test_a_duplicate_is_a_false_positive():
    instances = np.repeat([0, 1], 200)
    masks = instances == np.array([0, 0, 1])[:, None]
    scores = np.array([0.9, 0.8, 0.7])
    scene = Scene(np.zeros(400, int), instances, masks, np.zeros(3, int), scores)
    outcomes = match_scene(scene.overlaps(), np.array([0.5]))
    assert sorted(zip(outcomes.score, outcomes.hit)) == [
        (0.7, True),
        (0.8, False),
        (0.9, True),
    ]
    # curve: recall 1/2, 1/2, 1 at precision 1, 1/2, 2/3
    expected = 0.25 + 0.25 + 0.25 * 0.5 + 0.25 * 2 / 3
    assert ours([scene], 1)["all_ap"] == pytest.approx(expected, abs=1e-12)


def test_order_of_scenes_and_of_predictions_does_not_matter():
    rng = np.random.default_rng(11)
    scenes = [random_scene(rng) for _ in range(5)]
    expected = ours(scenes, 4)
    mixed = [scenes[i].permuted(rng.permutation(25)) for i in rng.permutation(5)]
    got = ours(mixed, 4)
    for key in ("all_ap", "all_ap_50%"):
        assert got[key] == pytest.approx(expected[key], abs=1e-12)
    assert_same(ours([scenes[i] for i in (4, 2, 0, 1, 3)], 4), expected)


def test_overlaps_stop_at_090():
    assert len(AP_OVERLAPS) == 9
    assert AP_OVERLAPS[-1] == pytest.approx(0.9)


def test_areas_of_nothing_of_perfection_and_of_an_absent_class():
    group = np.array([1, 1, 1, 3])
    scores, hits = np.array([0.1, 0.9, 0.5, 0.5]), np.array([True, True, True, False])
    areas = precision_recall_areas(group, scores, hits, np.array([3, 3, 0, 2]))
    np.testing.assert_allclose(areas, [0, 1, np.nan, 0], atol=1e-12)


def test_scenes_that_count_twice_or_not_at_all():
    rng = np.random.default_rng(8)
    scenes = [random_scene(rng, 1500, 6, 10, 3, ties=True).overlaps() for _ in range(5)]
    found = [match_scene(scene) for scene in scenes]
    n_true = [
        np.bincount(scene.gt_labels[scene.gt_sizes >= 100], minlength=3)
        for scene in scenes
    ]
    weights = np.array([[1, 1, 1, 1, 1], [0, 2, 0, 3, 1], [1, 0, 0, 0, 0]])
    got = resampled_precisions(found, np.array(n_true), 10, weights)
    for row, weight in zip(got, weights):
        drawn = [scene for scene, n in zip(scenes, weight) for _ in range(n)]
        np.testing.assert_allclose(row, average_precisions(drawn, 3), atol=1e-12)


def test_partition_equals_its_masks():
    rng = np.random.default_rng(2)
    scene = random_scene(rng, n_instances=6)
    parts = (scene.instances + 1) * 2 + rng.integers(0, 2, len(scene.instances))
    labels = rng.integers(0, 4, parts.max() + 1)
    truth = scene_truth(scene.labels, scene.instances)
    got = partition_overlaps(truth, parts, labels)
    masks = parts == np.arange(parts.max() + 1)[:, None]
    expected = scene_overlaps(truth, masks, labels, np.ones(len(masks)))
    for name, value in vars(expected).items():
        np.testing.assert_array_equal(getattr(got, name), value, err_msg=name)


def test_partition_takes_the_class_of_most_points():
    labels = np.array([2, 2, 1, 1, 1, -1])
    truth = scene_truth(labels, np.array([0, 0, 1, 1, 1, -1]))
    got = partition_overlaps(truth, np.array([0, 0, 0, 1, 1, 2]))
    assert got.pred_labels.tolist() == [2, 1, 0]
    assert got.pred_sizes.tolist() == [3, 2, 1]


TRUTH = scene_truth(np.array([0, 0, 1]), np.array([5, 5, 9]))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: scene_truth(np.zeros(3, int), np.zeros(2, int)),
            r"got \(3,\) and \(2,\)",
        ),
        (
            lambda: scene_truth(np.array([1]), np.array([1 << 30])),
            "must not exceed 16777216, got 1073741824",
        ),
        (
            lambda: scene_truth(np.array([3, 1]), np.array([7, 7])),
            r"instance 7 has points of the classes \[1, 3\]",
        ),
        (
            lambda: scene_overlaps(TRUTH, np.ones((2, 4), bool), [0, 0], [1, 1]),
            r"shape \(P, 3\).*got bool \(2, 4\)",
        ),
        (
            lambda: scene_overlaps(TRUTH, np.ones((2, 3), int), [0, 0], [1, 1]),
            r"must be bool.*got int64",
        ),
        (
            lambda: scene_overlaps(TRUTH, np.ones((2, 3), bool), [0], [1, 1]),
            r"shape \(2,\).*got \(1,\) and \(2,\)",
        ),
        (
            lambda: scene_overlaps(TRUTH, np.ones((1, 3), bool), [0], [np.nan]),
            "got nan for prediction 0",
        ),
        (lambda: partition_overlaps(TRUTH, np.zeros(4, int)), r"\(3,\), got \(4,\)"),
        (lambda: partition_overlaps(TRUTH, np.array([0, -2, 0])), "got -2"),
        (
            lambda: instance_ap(
                [scene_overlaps(TRUTH, np.ones((1, 3), bool), [5], [1])], names(2)
            ),
            r"pred_labels of scene 0 must lie in 0..1, got 5..5",
        ),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
