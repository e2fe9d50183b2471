"""The metric over windows: perfect answers, what is counted, order and world."""

import math

import numpy as np
import pytest
import torch

from tests.vggt_lora.losses.batches import wave_batch, yaw
from vantage3d.evaluation.depth_metrics import DEPTH_METRICS
from vantage3d.registry import METRICS

COUNTS = ("windows", "windows_without_depth", "bad_pixels", "bad_poses")


def perfect(batch: dict, scale: float = 0.1) -> list[dict]:
    """What an ideal network answers: first camera's world, its own unit."""
    answers = []
    for depth, world2cam in zip(batch["depths"], batch["world2cam"].double()):
        relative = world2cam @ world2cam[:1].inverse()
        relative[:, :3, 3] *= scale
        answers.append({"pred_depth": scale * depth, "pred_world2cam": relative})
    return answers


def evaluate(pairs: list[tuple[dict, list[dict]]], **options) -> dict:
    metric = METRICS.build(dict(type="DepthMetric", **options))
    for batch, answers in pairs:
        names = [dict(sequence="drive", ids=torch.tensor([4, 6]))] * len(answers)
        metric.process({"inputs": batch, "data_samples": names}, answers)
    return metric.evaluate(sum(len(answers) for _, answers in pairs))


def counts(metrics: dict) -> list[float]:
    return [metrics[name] for name in COUNTS]


@pytest.mark.parametrize(
    "alignment", ["scale", "median", "log_median", "scale_shift", "robust"]
)
def test_a_perfect_network_is_perfect(alignment):
    batch = wave_batch(2)
    metrics = evaluate([(batch, perfect(batch))], alignment=alignment)
    for name in DEPTH_METRICS:
        best = 1 if name.startswith("delta") else 0
        assert metrics[name] == pytest.approx(best, abs=1e-5), name
    assert metrics["AUC@30"] == 1
    assert counts(metrics) == [2, 0, 0, 0]


def test_without_alignment_the_unit_of_the_network_shows():
    batch = wave_batch()
    metrics = evaluate([(batch, perfect(batch))], alignment="none")
    assert metrics["AbsRel"] == pytest.approx(0.9, abs=1e-6)


def test_every_window_counts_alike():
    near, far = wave_batch(), wave_batch()
    far["valid"][:, :, 5:] = False
    wrong = [
        {**sample, "pred_depth": 1.3 * near["depths"][0]} for sample in perfect(far)
    ]
    metrics = evaluate([(near, perfect(near, 1.0)), (far, wrong)], alignment="none")
    assert metrics["AbsRel"] == pytest.approx(0.3 / 2, rel=1e-6)
    assert metrics["delta1"] == 0.5


def test_frames_of_a_window_share_one_scale_unless_asked():
    batch = wave_batch()
    answers = perfect(batch)
    answers[0]["pred_depth"][1] *= 3
    assert evaluate([(batch, answers)])["AbsRel"] > 0.3
    assert evaluate([(batch, answers)], per_frame=True)["AbsRel"] < 1e-6


def test_order_of_windows_does_not_matter_to_the_last_bit():
    generator = torch.Generator().manual_seed(0)
    pairs = []
    for _ in range(5):
        batch = wave_batch()
        answers = perfect(batch)
        noise = torch.rand(batch["depths"][0].shape, generator=generator)
        answers[0]["pred_depth"] = answers[0]["pred_depth"] * (1 + noise)
        answers[0]["pred_world2cam"][1, :3, :3] @= yaw(float(noise[0, 0, 0])).double()
        pairs.append((batch, answers))
    assert evaluate(pairs) == evaluate(pairs[::-1])


def test_a_rotated_camera_costs_its_angle():
    batch = wave_batch()
    answers = perfect(batch)
    turned = yaw(np.radians(10.5)).double() @ answers[0]["pred_world2cam"][1, :3]
    answers[0]["pred_world2cam"][1, :3] = turned
    # 10.5 degrees off in every pair: right at the thresholds 11, 12, ..., 30
    assert evaluate([(batch, answers)])["AUC@30"] == pytest.approx(20 / 30)


def test_windows_without_depth_are_counted_and_left_out():
    full, empty = wave_batch(), wave_batch()
    empty["valid"].view(-1)[99:] = False
    pairs = [(full, perfect(full)), (empty, perfect(empty))]
    metrics = evaluate(pairs)
    assert counts(metrics) == [2, 1, 0, 0] and metrics["AbsRel"] < 1e-6
    assert counts(evaluate(pairs, min_valid=10))[1] == 0
    assert math.isnan(evaluate(pairs[1:])["AbsRel"])


def test_unusable_predictions_are_counted():
    batch = wave_batch()
    answers = perfect(batch)
    answers[0]["pred_depth"][0] = torch.nan
    answers[0]["pred_world2cam"][1, 0, 3] = torch.inf
    metrics = evaluate([(batch, answers)])
    share = float(batch["valid"][0, 0].sum() / batch["valid"].sum())
    assert counts(metrics) == [1, 0, pytest.approx(share), 1]
    assert metrics["AUC@30"] == 0 and metrics["delta3"] == pytest.approx(1 - share)
    answers[0]["pred_depth"][:] = torch.nan
    lost = evaluate([(batch, answers)])
    assert (
        lost["delta1"] == 0 and math.isnan(lost["AbsRel"]) and lost["bad_pixels"] == 1
    )


def test_a_network_without_cameras_has_no_pose_metric():
    batch = wave_batch()
    answers = [{"pred_depth": sample["pred_depth"]} for sample in perfect(batch)]
    metrics = evaluate([(batch, answers)])
    assert math.isnan(metrics["AUC@30"]) and metrics["AbsRel"] < 1e-6


def test_half_precision_predictions():
    batch = wave_batch()
    answers = [{k: v.bfloat16() for k, v in s.items()} for s in perfect(batch)]
    assert evaluate([(batch, answers)])["AbsRel"] < 1 / 256


def test_a_prediction_of_another_size_is_named():
    batch = wave_batch()
    answers = [{"pred_depth": batch["depths"][0, :, ::2]}]
    message = r"Window of drive, frames \[4, 6\]: `pred` .* got \(2, 24, 64\)"
    with pytest.raises(ValueError, match=message):
        evaluate([(batch, answers)])


def test_unknown_alignment():
    with pytest.raises(ValueError, match=r"'robust', got 'procrustes'"):
        evaluate([], alignment="procrustes")
