"""The table of before and after: closed forms, and what is written."""

import json

import pytest
import torch

from tests.evaluation.windows.test_metric import wave_answers
from tests.vggt_lora.losses.batches import wave_batch
from vantage3d.evaluation.windows import metric as depth_comparison
from vantage3d.registry import METRICS

ABS_REL = "depth.full.abs_rel"


def inputs():
    """The wave scene; its exact depth is twice as far in the pixels without LiDAR."""
    batch = wave_batch()
    batch["depth"] = batch["depth"].where(batch["valid"], 0)
    exact = wave_batch()["depth"]
    batch["exact_depths"] = exact.where(batch["valid"], 2 * exact)
    batch["typical_depths"] = torch.full_like(exact, 3.0)
    return batch


def batch_of(inputs: dict) -> dict:
    frames = inputs["depth"].shape[1]
    return {"inputs": inputs, "data_samples": [{"sequence": "s", "ids": range(frames)}]}


def compare(before, after, tmp_path, **options):
    """Results of one window, and the file."""
    answers = dict(before="base", after="pred")
    metric = METRICS.build(
        dict(
            type="DepthComparison", answers=answers, result_dir=str(tmp_path), **options
        )
    )
    sample = {f"base_{key[5:]}": value for key, value in before.items()} | after
    metric.process(batch_of(inputs()), [sample])
    return metric.evaluate(1), json.loads(
        (tmp_path / "depth_comparison.json").read_text()
    )


def test_each_answer_meets_each_truth(tmp_path):
    (ideal,) = wave_answers(wave_batch(), 0.1)
    (wrong,) = wave_answers(wave_batch(), 0.1)
    wrong["pred_depth"] = torch.ones_like(wrong["pred_depth"])
    metrics, file = compare(wrong, ideal, tmp_path, align="scale")
    assert metrics[f"after/LiDAR/{ABS_REL}"] == pytest.approx(0, abs=1e-6)
    assert metrics["after/pose.auc_30"] == metrics["before/pose.auc_30"] == 1
    assert metrics[f"after/dense/{ABS_REL}"] > 0.1
    # a constant is the same guess as a map of 3 metres, once aligned
    for name in (
        "LiDAR/depth.full.abs_rel",
        "dense/depth.full.abs_rel",
        "dense/depth.full.rmse",
    ):
        assert metrics[f"before/{name}"] == pytest.approx(
            metrics[f"typical depth/{name}"], rel=1e-6
        )
    assert file["align"] == "scale" and file["windows"] == 1
    assert (
        file["answers"]["after"]["dense/depth.full.abs_rel"]
        == metrics[f"after/dense/{ABS_REL}"]
    )
    assert "LiDAR/depth.full.si_log" in file["answers"]["before"]
    assert file["answers"]["typical depth"]["pose.auc_30"] == 0
    assert file["intervals"]["over"] == "1 cluster (few), 2 frames"


def test_dense_truth_counts_every_pixel(tmp_path):
    (ideal,) = wave_answers(wave_batch(), 1.0)
    metrics, _ = compare(ideal, ideal, tmp_path, align="none")
    share = float((~inputs()["valid"]).float().mean())
    assert metrics[f"after/dense/{ABS_REL}"] == pytest.approx(share / 2, rel=1e-5)
    assert metrics[f"after/LiDAR/{ABS_REL}"] == pytest.approx(0, abs=1e-7)


def test_the_change_is_relative_and_that_of_auc_a_difference(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        depth_comparison, "print_log", lambda text, **_: said.append(text)
    )
    (ideal,) = wave_answers(wave_batch(), 1.0)
    far, near = (
        ideal | {"pred_depth": factor * ideal["pred_depth"]} for factor in (1.4, 1.1)
    )
    compare(far, near, tmp_path, align="none")
    (line,) = (line for line in said[0].splitlines() if "| change  " in line)
    cells = [cell.strip() for cell in line.split("|")[2:-1]]
    assert cells[0] == "-75.0 %"
    assert cells[-1] == "+0.000"


def test_there_must_be_an_answer():
    with pytest.raises(ValueError, match="at least one row, got none"):
        METRICS.build(dict(type="DepthComparison", answers={}))
    with pytest.raises(ValueError, match=r"'robust', got 'procrustes'"):
        METRICS.build(
            dict(type="DepthComparison", answers=dict(a="pred"), align="procrustes")
        )
