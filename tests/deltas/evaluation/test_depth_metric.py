"""The metric over samples: perfect answers, sparse points, files, what is said."""

import cv2
import numpy as np
import pytest
import torch

from tests.deltas.worlds import wall_batch
from vantage3d.deltas.evaluation import depth_metric
from vantage3d.deltas.evaluation.depth_metric import anchor_of, resize_depth
from vantage3d.deltas.evaluation.hooks import median_depth_map
from vantage3d.evaluation.stereo_depth import EIGHT, DepthRange
from vantage3d.registry import METRICS

KEYPOINTS = torch.tensor([[32.0, 24.0], [20, 30], [40, 10], [35, 35]])


def answer(batch: dict, scale: float = 1.0, valid: int = 4) -> list[dict]:
    """True but for ``scale``; the first ``valid`` keypoints are triangulated."""
    K, depth = batch["K"][0, 0], batch["depth"][0, 0]
    z = depth[KEYPOINTS[:, 1].long(), KEYPOINTS[:, 0].long()] * scale
    rays = torch.cat([KEYPOINTS, torch.ones(4, 1)], 1) @ torch.linalg.inv(K).T
    return [
        {
            "pred_depth": depth * scale,
            "keypoints": KEYPOINTS,
            "points_anchor": rays * z[:, None],
            "point_valid": torch.arange(4) < valid,
        }
    ]


def evaluate(pairs, **options):
    metric = METRICS.build(dict(type="TriangulatedDepthMetric", **options))
    for batch, prediction in pairs:
        named = [{"name": "room/1-0-2", **batch.get("more", {})}]
        metric.process({"inputs": batch, "data_samples": named}, prediction)
    return metric.evaluate(len(pairs))


def test_a_perfect_network_is_perfect():
    batch = wall_batch()
    metrics = evaluate([(batch, answer(batch))])
    assert [metrics[name] for name in EIGHT] == [0, 0, 0, 1, 1, 1, 0, 0]
    assert metrics["sparse.triangulated"] == metrics["sparse.within_5"] == 1
    assert metrics["sparse.abs_rel_median"] == pytest.approx(0, abs=1e-6)
    assert metrics["count.frames"] == 1 and metrics["count.frames_without_depth"] == 0


def test_sparse_points_are_judged_by_themselves():
    batch = wall_batch()
    metrics = evaluate([(batch, answer(batch, scale=0.9, valid=3))])
    assert metrics["sparse.triangulated"] == 0.75
    assert metrics["sparse.abs_rel_median"] == pytest.approx(0.1, rel=1e-4)
    assert metrics["sparse.within_5"] == 0
    centres = batch["cam2world"][0, 1:, :3, 3]
    expected = float(centres.norm(dim=1).mean())
    assert metrics["sparse.baseline_m"] == pytest.approx(expected)


def test_the_median_is_over_the_points_of_all_images():
    """Three points off by 10 % and one exact: the median of two medians were 5 %."""
    batch = wall_batch()
    wrong, right = answer(batch, scale=0.9, valid=3), answer(batch, valid=1)
    metrics = evaluate([(batch, wrong), (batch, right)])
    assert metrics["sparse.abs_rel_median"] == pytest.approx(0.1, rel=1e-4)
    assert metrics["sparse.within_5"] == 0.25


def test_what_the_points_lack_is_said(monkeypatch):
    said = []
    monkeypatch.setattr(depth_metric, "print_log", lambda text, **_: said.append(text))
    batch = wall_batch()
    metrics = evaluate([(batch, answer(batch, valid=0))])
    assert metrics["sparse.triangulated"] == 0 and np.isnan(
        metrics["sparse.abs_rel_median"]
    )
    assert any("no keypoint was triangulated" in text for text in said)


def test_a_network_without_keypoints_has_no_sparse_numbers():
    batch = wall_batch()
    metrics = evaluate([(batch, [{"pred_depth": batch["depth"][0, 0]}])])
    assert metrics["depth.full.abs_rel"] == 0
    assert not any(key.startswith("sparse.") for key in metrics)


def test_keypoints_are_written_with_their_anchors(tmp_path):
    batch = wall_batch()
    batch["depth"][0, 0, 30, 20] = 0  # the second keypoint's
    path = tmp_path / "rows/points.npz"
    evaluate([(batch, answer(batch, 0.9, valid=3))], keypoints_file=str(path))
    with np.load(path) as found:
        assert found["anchor"].tolist() == ["room/1"] and found["count"] == [3]
        assert found["pixels"].tolist() == KEYPOINTS[[0, 2, 3]].tolist()
        assert found["found"][:2] == pytest.approx(0.9 * found["truth"][:2])
        assert np.isnan(found["found"]).tolist() == [False, False, True]
        assert found["dense"] == pytest.approx(0.9 * found["truth"])
    assert anchor_of("a-b/c/12-3-4") == "a-b/c/12" and anchor_of("7-8") == "7"


def test_depth_of_another_unit_is_named(monkeypatch):
    said = []
    monkeypatch.setattr(depth_metric, "print_log", lambda text, **_: said.append(text))
    batch = wall_batch()
    evaluate([(batch, answer(batch, scale=1 / 8))])
    assert any("true depth is 8x the other" in text for text in said)


def test_native_resolution_is_that_of_the_files():
    batch = wall_batch()
    fine = torch.full((96, 128), 2.0)
    fine[::2] = 0  # at the network's size nothing of that shows
    native = {"native_depth": fine}
    metrics = evaluate(
        [({**batch, "more": native}, answer(batch))], eval_resolution="native"
    )
    assert metrics["depth.full.abs_rel"] == pytest.approx(0, abs=1e-6)
    with pytest.raises(ValueError, match=r"room/1-0-2.*native_depth` .*got \['name'\]"):
        evaluate([(batch, answer(batch))], eval_resolution="native")


def test_resizing_keeps_pixel_centres():
    ramp = torch.arange(8.0).expand(4, 8)
    wide = resize_depth(ramp, (8, 16))
    x = (torch.arange(16.0) + 0.5) / 2 - 0.5
    assert torch.allclose(wide[3, 1:-1], x[1:-1])


def test_predictions_are_written_as_scannet_writes_depth(tmp_path):
    batch = wall_batch()
    prediction = answer(batch)
    prediction[0]["pred_depth"][0, 0] = 1.2345678
    evaluate([(batch, prediction)], export_dir=str(tmp_path))
    png = cv2.imread(str(tmp_path / "room/1-0-2.png"), cv2.IMREAD_UNCHANGED)
    assert png.dtype == np.uint16 and png.shape == (48, 64)
    assert png[0, 0] == 1235 and png[9, 9] == 2000


def test_legacy_counts_batches():
    batch, empty = wall_batch(), wall_batch()
    empty["depth"] = torch.zeros_like(empty["depth"])
    pairs = [(batch, answer(batch, 0.9)), (empty, answer(batch, 0.9))]
    assert evaluate(pairs)["depth.full.abs_rel"] == pytest.approx(0.1, rel=1e-5)
    legacy = evaluate(pairs, aggregation="legacy")
    assert legacy["depth.full.abs_rel"] == pytest.approx(0.05, rel=1e-5)


def test_mistakes_name_the_sample_or_the_argument():
    batch = wall_batch()
    broken = answer(batch)
    broken[0]["pred_depth"] = broken[0]["pred_depth"] * float("nan")
    with pytest.raises(ValueError, match="sample room/1-0-2: `pred` must be finite"):
        evaluate([(batch, broken)])
    with pytest.raises(ValueError, match="0 < min < max metres, got 3 and 2"):
        evaluate([], min_depth=3, max_depth=2)
    with pytest.raises(ValueError, match=r"`eval_resolution` must be .* got 'full'"):
        evaluate([], eval_resolution="full")


def test_the_median_map_is_taken_pixel_by_pixel():
    depths = [torch.full((1, 2, 3), value) for value in (1.0, 2.0, 9.0, 0.0)]
    depths[3][0, 0, 0] = 3.0
    for depth in depths:
        depth[0, 1, 2] = 0
    found = median_depth_map([{"depth": d} for d in depths], DepthRange())
    assert found.tolist() == [[2.5, 2, 2], [2, 2, 2]]
    with pytest.raises(ValueError, match="none of 1 training depth maps has depth"):
        median_depth_map([{"depth": torch.zeros(1, 2, 2)}], DepthRange())
