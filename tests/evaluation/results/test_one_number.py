"""One prediction through every entry point: one name has one number everywhere."""

import csv
import json

import numpy as np
import pytest
import torch

from tests.evaluation.windows.test_depth_comparison import ABS_REL
from vantage3d.evaluation.depth_metrics import depth_errors
from vantage3d.evaluation.report import build_report
from vantage3d.evaluation.results.compare import compare_runs
from vantage3d.evaluation.results.folder import (
    MeasuredWindow,
    ResultFolder,
    single,
    summarise,
    write_json,
)
from vantage3d.evaluation.results.run import read_run
from vantage3d.evaluation.results.score import select_checkpoint
from vantage3d.evaluation.results.windows import (
    EvaluationWindow,
    WindowChoice,
    WindowRules,
)
from vantage3d.evaluation.stereo_depth import DepthRange, anchor_record
from vantage3d.evaluation.windows.contracts import (
    MetricOptions,
    WindowPrediction,
    WindowTruth,
)
from vantage3d.evaluation.windows.measure import measure_window
from vantage3d.registry import METRICS

KEYS = tuple(f"depth.full.{name}" for name in ("abs_rel", "rmse", "delta1", "mae"))
OPTIONS = dict(groups=["depth"], building=[], align="none")
RANGE = DepthRange(4.0, 30.0)


def scene() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Depth (2, H, W), its valid pixels and a prediction: the second frame is sparse.

    Errors differ between the frames, so every way to average gives another number.
    """
    rng = np.random.default_rng(0)
    depth = torch.tensor(rng.uniform(4, 30, (2, 40, 60)))
    valid = torch.ones(depth.shape, dtype=torch.bool)
    valid[1, 5:] = False  # as LiDAR: 300 of 2400 pixels
    pred = depth * torch.tensor([1.1, 1.5])[:, None, None]
    return depth, valid, pred


def batch(depth, valid) -> dict:
    frames = len(depth)
    inputs = dict(
        images=torch.rand(1, frames, 3, *depth.shape[1:]),
        depth=torch.where(valid, depth, 0)[None],
        valid=valid[None],
        K=torch.eye(3).repeat(1, frames, 1, 1),
        cam2world=torch.eye(4).repeat(1, frames, 1, 1),
    )
    inputs |= {f"{kind}_depths": inputs["depth"] for kind in ("exact", "typical")}
    names = [dict(sequence="s", ids=torch.arange(frames), name="s/0")]
    return dict(inputs=inputs, data_samples=names)


@pytest.fixture(scope="module")
def expected() -> dict[str, float]:
    """By the definition: the pixels of a frame, then the frames."""
    depth, valid, pred = (array.numpy() for array in scene())
    frames = [depth_errors(p, g, m) for p, g, m in zip(pred, depth, valid)]
    return {k: np.mean([f[k.rpartition(".")[2]] for f in frames]) for k in KEYS}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A result folder of that prediction, beside a baseline twice as far off."""
    root = tmp_path_factory.mktemp("one")
    depth, valid, pred = scene()
    options = MetricOptions(**{k: tuple(v) if isinstance(v, list) else v
                               for k, v in OPTIONS.items()})  # fmt: skip
    window = EvaluationWindow("s_0", "s", (0, 1), "unlabelled")
    choice = WindowChoice(WindowRules("val"), "data", "0" * 64, (window,))
    truth = WindowTruth.of_depth(depth.numpy(), valid.numpy())
    results = ResultFolder(root)
    for name, factor in (("baseline", 2.0), ("checkpoint_1", 1.0)):
        answer = WindowPrediction((depth + factor * (pred - depth)).numpy())
        found = measure_window(answer, truth, options)
        records = [MeasuredWindow("s_0", found.frames, found.window)]
        speed = {"performance.latency_p95_ms": single(10.0)}
        statistics = {**summarise([window], records), **speed}
        results.write_model(name, choice, records, statistics)
    results.write_overall()
    facts = {"models": {}, "align": "none", "windows": 1}
    write_json(root / "metadata.json", facts)
    return root


def test_tools_test_gives_it(expected, tmp_path):
    depth, valid, pred = scene()
    options = dict(type="DepthMetric", tables=True, result_dir=str(tmp_path), **OPTIONS)
    metric = METRICS.build(options)
    metric.process(batch(depth, valid), [dict(pred_depth=pred)])
    found = metric.evaluate(1)
    written = json.loads((tmp_path / "metrics.json").read_text())
    for key in KEYS:
        assert found[key] == written[key]["mean"] == pytest.approx(expected[key])


def test_the_comparison_of_answers_gives_it(expected, tmp_path):
    depth, valid, pred = scene()
    metric = METRICS.build(
        dict(type="DepthComparison", answers=dict(a="pred"), align="none",
             result_dir=str(tmp_path))
    )  # fmt: skip
    answer = dict(pred_depth=pred, pred_world2cam=torch.eye(4).repeat(2, 1, 1))
    metric.process(batch(depth, valid), [answer])
    found = metric.evaluate(1)
    for key in KEYS[:3]:
        for truth in ("LiDAR", "dense", "dense < 80 m"):
            assert found[f"a/{truth}/{key}"] == pytest.approx(expected[key])


def test_the_result_folder_and_its_readers_give_it(expected, folder):
    run = read_run(folder)
    with (folder / "metrics_overall.csv").open() as file:
        table = {row["checkpoint"]: row for row in csv.DictReader(file)}
    for key in KEYS:
        model = run.models[1]
        assert model.mean(key) == pytest.approx(expected[key])
        assert float(table[model.name][f"{key}.mean"]) == pytest.approx(expected[key])
        found = select_checkpoint(folder, key)
        values = {found.name: found.value, **dict(found.ranking)}
        assert values["checkpoint_1"] == pytest.approx(expected[key])


def test_the_comparison_of_runs_gives_it(expected, folder):
    table = compare_runs((folder, folder), metrics=[ABS_REL]).table
    row = dict(zip(table.header, table.body[0]))
    assert row["A model"] == row["B model"] == f"{expected[ABS_REL]:.4f}"


def test_the_report_gives_it(expected, folder, tmp_path, monkeypatch):
    from vantage3d.evaluation.report import figures

    monkeypatch.setattr(figures, "KINDS", ())
    build_report(folder, tmp_path)
    text = (tmp_path / "evaluation_summary.txt").read_text()
    assert f"-> {expected[ABS_REL]:.4g} " in text
    assert f"{expected[ABS_REL]:.4f} (" in text


def test_deltas_gives_it_for_an_anchor():
    """The pixels of one frame in range, nothing aligned: the same function."""
    depth, valid, pred = (array.numpy() for array in scene())
    truth = np.where(valid, depth, 0)
    found = anchor_record(pred[0], truth[0], RANGE)
    slow = depth_errors(pred[0], depth[0], valid[0])
    for key in KEYS:
        assert found[key] == pytest.approx(slow[key.rpartition(".")[2]])
