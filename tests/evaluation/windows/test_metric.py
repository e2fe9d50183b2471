"""The runner's metric over ``measure_window``."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from tests.evaluation.windows.windows import bent, perfect, street_window, subset
from tests.vggt_lora.losses.batches import wave_batch, yaw
from vantage3d.evaluation.depth_metrics import ERRORS
from vantage3d.evaluation.results.folder import MeasuredWindow, summarise
from vantage3d.evaluation.results.windows import EvaluationWindow
from vantage3d.evaluation.windows.contracts import MetricOptions, WindowTruth
from vantage3d.evaluation.windows.measure import measure_window
from vantage3d.evaluation.windows.metric import summary_text
from vantage3d.geometry import invert_rigid
from vantage3d.registry import METRICS


def batch(truth: WindowTruth) -> dict:
    """A batch of one sample, as ``collate_views`` makes it."""
    semantics = truth.semantics if truth.semantics is not None else -1 + 0 * truth.valid
    arrays = {
        "images": truth.images, "depth": truth.depth, "K": truth.K,
        "cam2world": invert_rigid(truth.world2cam), "semantics": semantics,
    }  # fmt: skip
    inputs = {k: torch.tensor(v, dtype=torch.float64)[None] for k, v in arrays.items()}
    inputs["semantics"] = inputs["semantics"].to(torch.int16)
    inputs["valid"] = torch.tensor(truth.valid)[None]
    ids = torch.tensor([int(name) for name in truth.names])
    names = [{"sequence": truth.sequence, "dataset": "street", "ids": ids}]
    return {"inputs": inputs, "data_samples": names}


def outputs(answer) -> dict[str, torch.Tensor]:
    names = ("depth", "world2cam", "K")
    return {f"pred_{name}": torch.tensor(getattr(answer, name)) for name in names}


def evaluate(windows, **options) -> dict[str, float]:
    metric = METRICS.build(dict(type="DepthMetric", **options))
    for truth, answer in windows:
        metric.process(batch(truth), [outputs(answer)])
    return metric.evaluate(len(windows))


def windows() -> list:
    truth = street_window()
    first, second = subset(truth, [0, 1, 2]), subset(truth, [3, 2])
    return [(first, bent(first)), (second, bent(second))]


def test_means_are_over_frames_and_over_windows():
    found = evaluate(windows())
    records = [
        measure_window(answer, replace_instances(truth), MetricOptions())
        for truth, answer in windows()
    ]
    frames = [frame for record in records for frame in record.frames]
    for name in ("depth.building.abs_rel", "normals.full.inlier_30",
                 "planarity.building.residual_mean"):  # fmt: skip
        expected = np.nanmean([frame[name] for frame in frames])
        assert found[name] == pytest.approx(expected, rel=1e-9), name
    for name in ("pose.ate_trans", "points.accuracy"):
        expected = np.nanmean([record.window[name] for record in records])
        assert found[name] == pytest.approx(expected, rel=1e-6), name
    pixels = sum(frame["count.building.pixels"] for frame in frames)
    assert found["count.building.pixels"] == pixels
    assert (found["count.windows"], found["count.frames"]) == (2, 5)


def replace_instances(truth: WindowTruth) -> WindowTruth:
    """The sample contract has no instances."""
    return WindowTruth(**{**vars(truth), "instances": None})


def test_order_of_windows_does_not_matter_to_the_last_bit():
    assert evaluate(windows()) == evaluate(windows()[::-1])


def test_options_from_a_config():
    found = evaluate(windows(), building=[], groups=["depth", "pose"], align="none")
    assert not any("building" in name or "normals" in name for name in found)
    assert found["depth.full.delta1"] == 0
    with pytest.raises(
        ValueError, match=r"`align` must be one of .*, got 'procrustes'"
    ):
        evaluate([], align="procrustes")


def test_a_split_without_labels_is_refused_and_an_odd_window_is_not():
    truth = street_window()
    bare = WindowTruth(**{**vars(truth), "semantics": None})
    with pytest.raises(ValueError, match=r"building metrics .*'street' .*8, 9, 10, 11"):
        evaluate([(bare, perfect(bare))])
    found = evaluate([(truth, perfect(truth)), (bare, bent(bare))], groups=["depth"])
    alone = evaluate([(truth, perfect(truth))], groups=["depth"])
    name = "depth.building.abs_rel"
    assert found[name] == alone[name] and found["count.frames"] == 8
    assert found["depth.full.abs_rel"] > 100 * alone["depth.full.abs_rel"]


def test_half_precision_predictions():
    truth = street_window()
    metric = METRICS.build(dict(type="DepthMetric", groups=["depth", "pose"]))
    answer = {k: v.bfloat16() for k, v in outputs(perfect(truth)).items()}
    metric.process(batch(truth), [answer])
    found = metric.evaluate(1)
    assert found["depth.full.abs_rel"] < 1 / 256
    assert not math.isnan(found["pose.auc_30"])


def test_the_table_has_intervals_and_counts():
    records = [
        MeasuredWindow("", [{"depth.full.abs_rel": value, "depth.full.sq_rel": 1.0}])
        for value in (0.1, 0.2, math.nan, 0.6)
    ]
    windows = [EvaluationWindow("", f"drive_{i}", (0,), "rich") for i in range(4)]
    lines = summary_text(summarise(windows, records)).splitlines()
    assert lines[0].startswith("Depth and cameras of 4 windows")
    rows = [line.split("|") for line in lines]
    (cells,) = [row for row in rows if len(row) > 1 and "depth" in row[1]]
    _, name, average, interval, over, median, measured, missing, _ = map(
        str.strip, cells
    )
    assert over == "3 clusters (few), 3 frames"
    assert (name, average, median) == ("depth.full.abs_rel", "0.3000", "0.2000")
    low, high = map(float, interval.split(" .. "))
    ends = stats.t.interval(0.95, 2, 0.3, stats.sem([0.1, 0.2, 0.6]))
    assert (low, high) == pytest.approx(ends, abs=1e-4)
    assert (measured, missing) == ("3", "1")


def wave_answers(batch: dict, scale: float = 0.1) -> list[dict]:
    """What an ideal network answers: first camera's world, its own unit."""
    answers = []
    world2cams = invert_rigid(batch["cam2world"].double())
    for depth, world2cam in zip(batch["depth"], world2cams):
        relative = world2cam @ world2cam[:1].inverse()
        relative[:, :3, 3] *= scale
        answers.append({"pred_depth": scale * depth, "pred_world2cam": relative})
    return answers


def evaluate_waves(pairs: list[tuple[dict, list[dict]]], **options) -> dict:
    options = {"groups": ["depth", "pose"], "building": [], **options}
    metric = METRICS.build(dict(type="DepthMetric", **options))
    for batch, answers in pairs:
        names = [dict(sequence="drive", ids=torch.tensor([4, 6]))] * len(answers)
        metric.process({"inputs": batch, "data_samples": names}, answers)
    return metric.evaluate(sum(len(answers) for _, answers in pairs))


def counts(metrics: dict) -> list[float]:
    names = ("windows", "frames_without_depth", "nan_pixels", "bad_poses")
    return [metrics[f"count.{name}"] for name in names]


@pytest.mark.parametrize(
    "align", ["scale", "median", "log_median", "scale_shift", "robust"]
)
def test_a_perfect_network_is_perfect(align):
    batch = wave_batch(2)
    metrics = evaluate_waves([(batch, wave_answers(batch))], align=align)
    for name in ERRORS:
        best = 1 if name.startswith("delta") else 0
        assert metrics[f"depth.full.{name}"] == pytest.approx(best, abs=1e-5), name
    assert metrics["pose.auc_30"] == 1
    assert counts(metrics) == [2, 0, 0, 0]


def test_without_alignment_the_unit_of_the_network_shows():
    batch = wave_batch()
    metrics = evaluate_waves([(batch, wave_answers(batch))], align="none")
    assert metrics["depth.full.abs_rel"] == pytest.approx(0.9, abs=1e-6)


def test_every_window_counts_alike():
    near, far = wave_batch(), wave_batch()
    far["valid"][:, :, 5:] = False
    wrong = [
        {**sample, "pred_depth": 1.3 * near["depth"][0]} for sample in wave_answers(far)
    ]
    metrics = evaluate_waves(
        [(near, wave_answers(near, 1.0)), (far, wrong)], align="none"
    )
    assert metrics["depth.full.abs_rel"] == pytest.approx(0.3 / 2, rel=1e-6)
    assert metrics["depth.full.delta1"] == 0.5


def test_frames_of_a_window_share_one_scale_unless_asked():
    batch = wave_batch()
    answers = wave_answers(batch)
    answers[0]["pred_depth"][1] *= 3
    assert evaluate_waves([(batch, answers)])["depth.full.abs_rel"] > 0.3
    assert evaluate_waves([(batch, answers)], per="frame")["depth.full.abs_rel"] < 1e-6


def test_order_of_wave_windows_does_not_matter_to_the_last_bit():
    generator = torch.Generator().manual_seed(0)
    pairs = []
    for _ in range(5):
        batch = wave_batch()
        answers = wave_answers(batch)
        noise = torch.rand(batch["depth"][0].shape, generator=generator)
        answers[0]["pred_depth"] = answers[0]["pred_depth"] * (1 + noise)
        answers[0]["pred_world2cam"][1, :3, :3] @= yaw(float(noise[0, 0, 0])).double()
        pairs.append((batch, answers))
    assert evaluate_waves(pairs) == evaluate_waves(pairs[::-1])


def test_a_rotated_camera_costs_its_angle():
    batch = wave_batch()
    answers = wave_answers(batch)
    turned = yaw(np.radians(10.5)).double() @ answers[0]["pred_world2cam"][1, :3]
    answers[0]["pred_world2cam"][1, :3] = turned
    # 10.5 degrees off in every pair: right at the thresholds 11, 12, ..., 30
    assert evaluate_waves([(batch, answers)])["pose.auc_30"] == pytest.approx(20 / 30)


def test_frames_without_depth_are_counted_and_left_out():
    full, empty = wave_batch(), wave_batch()
    empty["valid"].view(-1)[99:] = False
    pairs = [(full, wave_answers(full)), (empty, wave_answers(empty))]
    metrics = evaluate_waves(pairs)
    assert counts(metrics) == [2, 1, 0, 0] and metrics["depth.full.abs_rel"] < 1e-6
    pairs[1][1][0]["pred_depth"][0, ::2] *= 2  # where a few pixels are valid
    assert evaluate_waves(pairs)["depth.full.abs_rel"] < 1e-6
    assert evaluate_waves(pairs, min_pixels=10)["depth.full.abs_rel"] > 0.1
    assert math.isnan(evaluate_waves(pairs[1:])["depth.full.abs_rel"])


def test_unusable_predictions_are_counted():
    batch = wave_batch()
    answers = wave_answers(batch)
    answers[0]["pred_depth"][0] = torch.nan
    answers[0]["pred_world2cam"][1, 0, 3] = torch.inf
    metrics = evaluate_waves([(batch, answers)])
    pixels = batch["valid"][0].sum(dim=(1, 2)).tolist()
    assert counts(metrics) == [1, 0, pixels[0], 1]
    assert metrics["pose.auc_30"] == 0 and metrics["depth.full.delta3"] == 0.5
    answers[0]["pred_depth"][:] = torch.nan
    lost = evaluate_waves([(batch, answers)])
    assert lost["depth.full.delta1"] == 0 and math.isnan(lost["depth.full.abs_rel"])
    assert lost["count.nan_pixels"] == sum(pixels)


def test_a_network_without_cameras_has_no_pose_metric():
    batch = wave_batch()
    answers = [{"pred_depth": sample["pred_depth"]} for sample in wave_answers(batch)]
    metrics = evaluate_waves([(batch, answers)])
    assert math.isnan(metrics["pose.auc_30"]) and metrics["depth.full.abs_rel"] < 1e-6


def test_half_precision_predictions_of_a_batch():
    batch = wave_batch()
    answers = [{k: v.bfloat16() for k, v in s.items()} for s in wave_answers(batch)]
    assert evaluate_waves([(batch, answers)])["depth.full.abs_rel"] < 1 / 256


def test_a_prediction_of_another_size_is_named():
    batch = wave_batch()
    answers = [{"pred_depth": batch["depth"][0, :, ::2]}]
    message = r"Window of drive, frames \[4, 6\]: `pred.* got \(2, 24, 64\)"
    with pytest.raises(ValueError, match=message):
        evaluate_waves([(batch, answers)])
