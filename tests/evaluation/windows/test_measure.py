"""All metrics of a window: perfect answers, shuffled frames, moved worlds."""

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.test_depth_metrics import slow_errors
from tests.evaluation.windows.windows import (
    FAR,
    OPTIONS,
    bent,
    perfect,
    street_window,
    subset,
)
from vantage3d.evaluation.depth_metrics import ERRORS
from vantage3d.evaluation.results.folder import MeasuredWindow
from vantage3d.evaluation.windows.contracts import (
    GROUPS,
    MetricOptions,
    WindowPrediction,
    WindowTruth,
    check_labels,
)
from vantage3d.evaluation.windows.measure import measure_window

HIGH = ("delta", "inlier", "rra", "rta", "auc", "f_score", "coverage", "ssim")


def measure(
    prediction: WindowPrediction, truth: WindowTruth, **options
) -> MeasuredWindow:
    return measure_window(prediction, truth, MetricOptions(**options))


def is_score(name: str) -> bool:
    """Whether a metric has a best value, 0 or 1, that a perfect answer reaches."""
    counted = name.startswith(("count.", "alignment.", "photometric", "ablation.none"))
    return not counted


def best(name: str) -> float:
    return 1.0 if name.rpartition(".")[2].startswith(HIGH) else 0.0


@pytest.mark.parametrize("scale", [1.0, 0.13, 40.0])
@pytest.mark.parametrize("far", [(0, 0, 0), FAR])
def test_a_perfect_network_is_perfect_in_everything(scale, far):
    truth = street_window(far)
    found = measure_window(perfect(truth, scale), truth, OPTIONS)
    groups = set()
    for record in (*found.frames, found.window):
        for name, value in record.items():
            if is_score(name) and not math.isnan(value):
                groups.add(name.partition(".")[0])
                assert value == pytest.approx(best(name), abs=1e-7), name
    assert groups == {"depth", "ablation", "normals", "planarity", "pose", "points"}
    unmeasured = [n for n, v in found.window.items() if math.isnan(v)]
    assert unmeasured == []


@pytest.mark.parametrize(
    "align", ["scale", "median", "log_median", "scale_shift", "robust"]
)
@pytest.mark.parametrize("per", ["frame", "window"])
def test_every_alignment_finds_the_unit(align, per):
    truth = street_window()
    found = measure(perfect(truth), truth, align=align, per=per, groups=("depth",))
    for record in found.frames:
        assert record["alignment.scale"] == pytest.approx(1 / 0.13)
        assert record["alignment.shift"] == pytest.approx(0, abs=1e-9)
        assert record["depth.full.abs_rel"] < 1e-12
        assert record["depth.building.delta1"] == 1


def test_photometric_consistency_of_a_perfect_network_is_what_the_images_allow():
    truth = street_window()
    ideal = perfect(truth)  # but that it sees no depth in the sky, as the truth
    ideal = replace(ideal, depth=np.where(truth.valid, ideal.depth, np.nan))
    window = measure(ideal, truth, groups=("photometric",)).window
    for name, value in window.items():
        head, _, tail = name.partition(".")
        if head == "photometric":
            for other in ("photometric_gt_pose", "photometric_truth"):
                assert window[f"{other}.{tail}"] == pytest.approx(value, rel=1e-9), name
    worse = measure(bent(truth), truth, groups=("photometric",)).window
    key = "photometric.building.inlier_ratio"
    assert worse[key] < window[key] - 0.02
    curve = [
        v for n, v in window.items() if n.startswith("photometric.building.inlier_at")
    ]
    assert len(curve) == 8 and curve == sorted(curve) and curve[0] < curve[-1]


def test_the_alignment_cannot_set_depth_and_cameras_apart():
    """A mistake of others: depth rescaled to metres, translations not."""
    truth = street_window()
    answers = [bent(truth, scale) for scale in (0.13, 7.0)]
    windows = [
        measure(answer, truth, align=align, groups=("photometric",)).window
        for answer, align in zip(answers, ("median", "none"))
    ]
    for name, value in windows[0].items():
        if name.startswith("photometric."):
            assert windows[1][name] == pytest.approx(value, rel=1e-9), name


def same(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert other[name] == pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True), (
            name
        )


def test_order_of_frames_does_not_matter():
    truth = street_window()
    answer, order = bent(truth), [2, 0, 3, 1]
    straight = measure_window(answer, truth, OPTIONS)
    shuffled = measure_window(subset(answer, order), subset(truth, order), OPTIONS)
    same(straight.window, shuffled.window)
    for i, j in enumerate(order):
        same(straight.frames[j], shuffled.frames[i])


def test_a_world_three_kilometres_away_changes_nothing():
    near, far = street_window(), street_window(FAR)
    one, other = (measure_window(bent(t), t, OPTIONS) for t in (near, far))
    assert one.window["pose.ate_trans"] > 0.01
    same(one.window, other.window)
    for first, second in zip(one.frames, other.frames):
        same(first, second)


def test_what_is_of_the_truth_alone_is_shared_to_the_bit():
    """Whoever comes first; an answer with a hole is on pixels of its own."""
    truth = subset(street_window(), [0, 1])
    holed, known = bent(truth), {}
    holed.depth[1, 30:40] = np.nan
    for answer in (holed, bent(truth), perfect(truth)):
        found = measure_window(answer, truth, OPTIONS, known)
        alone = measure_window(answer, truth, OPTIONS)
        assert repr(found) == repr(alone)  # NaN is NaN
    surfaces = [key for key in known if key[0] == "surface"]
    assert len(surfaces) == len(truth.depth) and "cloud" in known


def test_depth_errors_are_those_of_the_slow_functions():
    truth = street_window()
    answer = bent(truth, 1.0)
    record = measure(answer, truth, align="none", groups=("depth",)).frames[1]
    masks = {
        "full": truth.valid[1],
        "building": truth.semantics[1] == 11,
        "class.road": truth.semantics[1] == 7,
        "non_building": truth.valid[1] & (truth.semantics[1] != 11),
    }
    for name, mask in masks.items():
        slow = slow_errors(answer.depth[1][mask], truth.depth[1][mask])
        assert record[f"count.{name}.pixels"] == mask.sum() > 200
        for key in ERRORS:
            found = record[f"depth.{name}.{key}"]
            assert found == pytest.approx(slow[key], rel=1e-9), (name, key)


def test_the_ablation_agrees_with_each_alignment():
    truth = street_window()
    answer = bent(truth)
    ablation = measure(answer, truth, groups=("ablation",)).frames[2]
    for align in ("none", "scale", "median", "log_median", "scale_shift", "robust"):
        record = measure(answer, truth, align=align, groups=("depth",)).frames[2]
        for tail in ("full.abs_rel", "building.delta1"):
            expected = record[f"depth.{tail}"]
            assert ablation[f"ablation.{align}.{tail}"] == pytest.approx(expected)


def test_the_fit_of_all_pixels_is_used_for_buildings():
    truth = street_window()
    answer = perfect(truth)
    buildings = truth.semantics == 11
    wrong = replace(answer, depth=np.where(buildings, 1.5, 1.0) * answer.depth)
    record = measure(wrong, truth, align="robust", groups=("depth",)).frames[0]
    assert record["depth.building.abs_rel"] == pytest.approx(0.5, abs=0.01)
    assert record["depth.non_building.abs_rel"] < 0.01


def test_a_handful_of_building_pixels_is_no_measurement():
    """A mistake of others: frames with few such pixels count like all others."""
    truth = street_window()
    semantics = truth.semantics.copy()
    semantics[0][semantics[0] == 11] = 12
    semantics[0].flat[np.flatnonzero(truth.valid[0])[:199]] = 11
    truth = replace(truth, semantics=semantics)
    record, other = measure(bent(truth), truth).frames[:2]
    assert record["count.building.pixels"] == 199
    for name in ("depth.building.abs_rel", "normals.building.angular_mean",
                 "planarity.building.inlier_ratio"):  # fmt: skip
        assert math.isnan(record[name]) and not math.isnan(other[name])
    assert math.isnan(record["ablation.median.building.delta1"])


def test_a_heavy_tail_moves_the_mean_but_not_median_and_trimmed_mean():
    """As published once: mean 1.72 beside a median of 0.84."""
    truth = street_window()
    answer = perfect(truth)
    places = np.argwhere(truth.semantics == 11)[::40]
    depth = answer.depth.copy()
    depth[tuple(places.T)] *= 200
    wrong = replace(answer, depth=depth)
    record = measure(wrong, truth, align="robust", groups=("depth",)).frames[0]
    assert record["depth.building.abs_rel"] > 3
    assert record["depth.building.abs_rel_median"] < 1e-9
    assert record["depth.building.abs_rel_trimmed"] < 1e-9


def test_unusable_predictions_are_counted_and_never_averaged():
    truth = street_window()
    answer = perfect(truth)
    depth = answer.depth.copy()
    depth[0, truth.valid[0]] = (
        np.where(np.arange(truth.valid[0].sum()) % 3, 1, np.nan)
        * (depth[0, truth.valid[0]])
    )
    depth[1] = np.nan
    poses = answer.world2cam.copy()
    poses[2, 0, 3] = np.nan
    found = measure_window(
        replace(answer, depth=depth, world2cam=poses), truth, OPTIONS
    )
    first, second = found.frames[:2]
    pixels = truth.valid[0].sum()
    assert first["count.nan_pixels"] == -(-pixels // 3)
    assert first["depth.full.abs_rel"] < 1e-9
    assert first["depth.full.delta1"] == pytest.approx(2 / 3, abs=1e-3)
    assert second["count.nan_pixels"] == truth.valid[1].sum()
    assert math.isnan(second["depth.full.abs_rel"]) and second["depth.full.delta1"] == 0
    assert second["count.normals.full.pixels"] == 0
    assert found.window["count.bad_poses"] == 1
    assert (
        math.isnan(found.window["pose.ate_trans"]) and found.window["pose.auc_30"] == 0
    )
    assert math.isnan(found.window["photometric.building.error"])
    assert math.isnan(found.window["points.accuracy"])


def test_frames_without_depth():
    truth = street_window()
    valid = truth.valid.copy()
    valid[1] = False
    for per in ("window", "frame"):
        found = measure(perfect(truth), replace(truth, valid=valid), per=per)
        assert found.frames[1]["count.full.pixels"] == 0
        without = [f["count.frames_without_depth"] for f in found.frames]
        assert without == [0, 1, 0, 0]
        assert math.isnan(found.frames[1]["depth.full.abs_rel"])
        assert found.frames[0]["depth.full.abs_rel"] < 1e-9
    nothing = replace(truth, valid=np.zeros_like(valid))
    found = measure(perfect(truth), nothing)
    assert all(math.isnan(f["depth.full.delta1"]) for f in found.frames)
    assert found.window["pose.ate_trans"] < 1e-9
    assert math.isnan(found.window["points.f_score"])


def test_two_frames_have_no_absolute_error():
    """A similarity fits any two centres."""
    truth = subset(street_window(), [0, 1])
    window = measure(bent(truth), truth, groups=("pose",)).window
    assert math.isnan(window["pose.ate_trans"]) and math.isnan(window["pose.rpe_trans"])
    assert window["pose.rpe_rot_deg"] > 0.1 and window["pose.rta_15"] == 1


def test_a_window_of_one_frame_and_a_network_without_cameras():
    truth = street_window()
    single = measure_window(subset(perfect(truth), [1]), subset(truth, [1]), OPTIONS)
    assert math.isnan(single.window["pose.auc_30"])
    assert single.frames[0]["depth.full.abs_rel"] < 1e-9
    blind = WindowPrediction(perfect(truth).depth)
    window = measure_window(blind, truth, OPTIONS).window
    for name in ("pose.ate_trans", "photometric.building.error", "points.f_score"):
        assert math.isnan(window[name])
    assert window["photometric_gt_pose.building.inlier_ratio"] > 0.3


def test_a_standing_camera_has_angles_but_no_lengths():
    truth = street_window()
    still = subset(truth, [0, 0, 0])
    still = replace(still, names=("1", "2", "3"))
    window = measure(perfect(still), still, groups=("pose",)).window
    assert math.isnan(window["pose.ate_trans"]) and math.isnan(window["pose.rta_15"])
    assert window["pose.ate_rot_deg"] < 1e-9 and window["pose.rra_15"] == 1


def test_a_point_map_of_its_own_is_used():
    truth = street_window()
    answer = perfect(truth)
    points = np.zeros((*truth.depth.shape, 3))
    found = measure(replace(answer, points=points), truth, groups=("points",)).window
    assert found["points.f_score"] < 0.2


def test_building_metrics_without_labels_are_refused_by_name():
    truth = replace(street_window(), semantics=None)
    message = r"depth.building, .* planarity.building, .* window of 'street'.* has none"
    with pytest.raises(ValueError, match=message):
        measure_window(perfect(truth), truth, OPTIONS)
    with pytest.raises(ValueError, match="split 'test' has none"):
        check_labels(OPTIONS, False, "split 'test'")
    check_labels(MetricOptions(building=()), False, "split 'test'")
    found = measure(perfect(truth), truth, building=())
    names = {*found.frames[0], *found.window}
    assert not any("building" in name for name in names)
    assert found.frames[0]["planarity.full.inlier_ratio"] == 1
    odd = street_window().unlabelled()
    record = measure_window(perfect(odd), odd, OPTIONS).frames[0]
    assert math.isnan(record["depth.building.abs_rel"])
    assert record["count.non_building.pixels"] == 0


def test_options_and_sizes():
    with pytest.raises(ValueError, match=r"`groups` must be one of .*, got 'shape'"):
        MetricOptions(groups=("depth", "shape"))
    with pytest.raises(ValueError, match=r"`per` must be one of .*, got 'scene'"):
        MetricOptions(per="scene")
    with pytest.raises(ValueError, match="`min_building` must be positive, got 0"):
        MetricOptions(min_building=0)
    truth = street_window()
    answer = perfect(truth)
    small = replace(answer, depth=answer.depth[:, 1:])
    message = r"`prediction.depth` must have shape .* got \(4, 55, 168\). Resize"
    with pytest.raises(ValueError, match=message):
        measure_window(small, truth, OPTIONS)
    for name, shape in (("world2cam", r"\(4, 3, 4\)"), ("K", r"\(4, 2, 3\)")):
        cut = replace(answer, **{name: getattr(answer, name)[:, :-1]})
        with pytest.raises(ValueError, match=rf"`prediction.{name}` .* got {shape}"):
            measure_window(cut, truth, OPTIONS)


def test_every_group_has_a_function():
    truth = street_window()
    for group in GROUPS:
        found = measure(perfect(truth), truth, groups=(group,))
        assert found.window or any(found.frames), group
