"""The runner's metric over ``measure_window``."""

import math

import numpy as np
import pytest
import torch

from tests.vggt_lora.evaluation.windows import bent, perfect, street_window, subset
from vantage3d.evaluation.running_summary import RunningSummary
from vantage3d.evaluation.windows.contracts import MetricOptions, WindowTruth
from vantage3d.evaluation.windows.measure import measure_window
from vantage3d.evaluation.windows.metric import summary_text
from vantage3d.registry import DATASETS, METRICS
from vantage3d.views.batch import collate_views


def batch(truth: WindowTruth) -> dict:
    """A batch of one sample, as ``collate_views`` makes it."""
    semantics = truth.semantics if truth.semantics is not None else -1 + 0 * truth.valid
    arrays = {
        "images": truth.images, "depths": truth.depth, "K": truth.K,
        "world2cam": truth.world2cam, "semantics": semantics,
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
    metric = METRICS.build(dict(type="WindowMetric", **options))
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
    weights = [frame["count.building.pixels"] for frame in frames]
    errors = [frame["depth.building.abs_rel"] for frame in frames]
    expected = np.average(errors, weights=weights)
    assert found["depth.building.abs_rel_by_pixel"] == pytest.approx(expected)


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
    metric = METRICS.build(dict(type="WindowMetric", groups=["depth", "pose"]))
    answer = {k: v.bfloat16() for k, v in outputs(perfect(truth)).items()}
    metric.process(batch(truth), [answer])
    found = metric.evaluate(1)
    assert found["depth.full.abs_rel"] < 1 / 256
    assert not math.isnan(found["pose.auc_30"])


def test_the_table_has_intervals_and_counts():
    summary = RunningSummary()
    for value in (0.1, 0.2, math.nan, 0.6):
        summary.add([{"depth.full.abs_rel": value, "depth.full.sq_rel": 1.0}])
    rows = [line.split("|") for line in summary_text(summary, seed=0).splitlines()]
    (cells,) = [row for row in rows if len(row) > 1 and "depth" in row[1]]
    _, name, average, interval, median, measured, missing, _ = map(str.strip, cells)
    assert (name, average, median) == ("depth.full.abs_rel", "0.3000", "0.2000")
    low, high = map(float, interval.split(" .. "))
    assert 0.1 <= low < 0.3 < high <= 0.6
    assert (measured, missing) == ("3", "1")


def test_a_prepared_drive_with_lidar_depth(cache):
    """From files to numbers: sparse depth, a world kilometres away, one batch."""
    views = dict(type="KITTI360Dataset", data_root=str(cache), image_size=168)
    data = DATASETS.build(dict(**views, split="val", frames=3, test_mode=True))
    metric = METRICS.build(dict(type="WindowMetric", min_building=20))
    for sample in (data[0], data[1]):
        inputs = collate_views([sample])
        answer = {
            "pred_depth": 0.1 * sample["depths"],
            "pred_K": sample["K"],
            "pred_world2cam": sample["world2cam"].double(),
        }
        answer["pred_world2cam"][:, :3, 3] *= 0.1
        metric.process(inputs, [answer])
    found = metric.evaluate(2)
    assert found["count.frames"] == 6 and found["count.building.pixels"] > 120
    assert found["count.nan_pixels"] == 0
    assert found["depth.building.abs_rel"] < 1e-6
    assert found["normals.full.angular_mean"] < 0.01  # float32 depth
    assert found["pose.ate_trans"] < 1e-5 and found["pose.auc_3"] == 1
    assert found["points.f_score"] == 1
