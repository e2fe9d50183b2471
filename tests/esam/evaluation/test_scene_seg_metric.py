"""AP of whole scenes: found on some points, judged on others."""

import json

import numpy as np
import pytest

from vantage3d.esam.evaluation import SceneSegMetric, UnifiedSegMetric
from vantage3d.esam.evaluation.protocols import LIMIT, PROTOCOLS
from vantage3d.evaluation.transfer import nearest_rows, smoothed, transferred

N = 300  # points of a block of 1 m; blocks lie 2 m apart
BLOCKS = 3
RNG = np.random.default_rng(0)
IDS = np.repeat(np.arange(BLOCKS), N)
TRUE = RNG.uniform(0, 1, (len(IDS), 3)) + 2 * IDS[:, None] * np.eye(3)[0]
SEGMENTS = IDS * 10 + (TRUE[:, 1] > 0.5)


def metric(protocol="nearest", kind=SceneSegMetric, **options):
    made = kind(
        True,
        **({"protocol": protocol} if kind is SceneSegMetric else {}),
        stuff_class_inds=(),
        **options,
    )
    made.dataset_meta = {"classes": ["object"]}
    return made


def found(points, ids, **more):
    own = np.unique(ids[ids >= 0])
    return {
        "points": points,
        "pts_instance_mask": [ids == own[:, None]],
        "instance_labels": np.zeros(len(own), int),
        "instance_scores": np.linspace(0.9, 0.5, len(own)),
        **more,
    }


def truth(**more):
    return {
        "points": TRUE,
        "pts_instance_mask": IDS,
        "pts_semantic_mask": np.zeros(len(IDS), int),
        "lidar_idx": "scene",
        **more,
    }


def score(made, prediction, annotation):
    made.process(None, [{"pred_pts_seg": prediction, "eval_ann_info": annotation}])
    return made.compute_metrics(made.results)


def test_nearest_is_the_nearest_and_nothing_is_beyond_the_limit():
    points, onto = RNG.uniform(0, 1, (40, 3)), RNG.uniform(0, 2, (60, 3))
    far = np.linalg.norm(onto[:, None] - points, axis=2)
    np.testing.assert_array_equal(nearest_rows(points, onto), far.argmin(1))
    expected = np.where(far.min(1) < 0.3, far.argmin(1), -1)
    np.testing.assert_array_equal(nearest_rows(points, onto, 0.3), expected)
    assert (expected < 0).any() and (expected >= 0).any()
    none = nearest_rows(points[:0], onto)
    assert (none == -1).all() and (transferred(np.zeros(0, int), none, 7) == 7).all()


def test_segments_belong_to_a_mask_whole_or_not_at_all():
    masks = RNG.random((4, 50)) < [[0.2], [0.5], [0.8], [1]]
    segments = RNG.integers(0, 6, 50) * 7 + 3
    for mask, whole in zip(masks, smoothed(masks, segments)):
        for one in np.unique(segments):
            inside = segments == one
            assert (whole[inside] == (mask[inside].mean() > 0.5)).all()
    assert smoothed(masks[:0], segments).shape == (0, 50)


def test_on_the_points_of_the_truth_it_is_the_metric_of_frames():
    ids = np.where(RNG.random(len(IDS)) < 0.3, RNG.integers(-1, 3, len(IDS)), IDS)
    annotation = truth(sp_pts_mask=SEGMENTS)
    ours = score(metric(), found(TRUE, ids), annotation)
    theirs = score(metric(kind=UnifiedSegMetric), found(TRUE, ids), annotation)
    assert ours == theirs and 0 < ours["all_ap"] < 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_truth_on_other_points_is_perfect(protocol):
    near = TRUE + RNG.uniform(-1, 1, TRUE.shape) * LIMIT / 4
    ours = score(metric(protocol), found(near, IDS), truth(sp_pts_mask=SEGMENTS))
    assert ours["all_ap"] == pytest.approx(1)


def test_what_was_never_seen_is_found_without_a_limit_alone():
    """One point of each block stands for all of it, as in the released protocol."""
    few = found(TRUE[::N], IDS[::N])
    assert score(metric("nearest"), few, truth())["all_ap_50%"] == 1
    assert score(metric("near"), few, truth())["all_ap_25%"] == 0


def test_smoothing_completes_what_was_found_by_more_than_half():
    ids = np.where(np.arange(len(IDS)) % 5 < 3, IDS, -1)  # 60 %
    annotation = truth(sp_pts_mask=SEGMENTS)
    rough = score(metric("nearest"), found(TRUE, ids), annotation)
    whole = score(metric("nearest_smooth"), found(TRUE, ids), annotation)
    assert rough["all_ap"] < whole["all_ap"] == 1


def test_trivial_answers_and_the_protocol_stand_beside(tmp_path):
    made = metric("near", trivial_baselines=True, result_dir=str(tmp_path))
    parts = np.append(SEGMENTS[:-1], -1)
    ours = score(made, found(TRUE, IDS, superpoints=parts), truth())
    assert ours["all_ap"] == 1 > ours["every_superpoint/all_ap"]
    assert ours["one_per_frame/all_ap_25%"] > 0
    written = json.loads((tmp_path / "instance_ap.json").read_text())
    assert written["protocol"] == "near"
    said = made._text(written["answers"], [found for _, found in made.results])
    assert said.startswith("Instance AP, class-agnostic, protocol near: 1 scenes")


def test_what_does_not_fit_is_told():
    with pytest.raises(ValueError, match=r"protocol.*'nearest_smooth'.*got 'far'"):
        metric("far")
    with pytest.raises(ValueError, match=r"Sample scene: .*no `sp_pts_mask`.*'near'"):
        score(metric("near_smooth"), found(TRUE, IDS), truth())
    with pytest.raises(ValueError, match=r"`masks` must have shape \(P, N=899\)"):
        score(metric(), {**found(TRUE, IDS), "points": TRUE[1:]}, truth())
