"""tools/evaluate_depth.py from checkpoints to the result folder."""

import csv
import json
import math
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.vggt_lora.evaluation.runs.adapter_runs import (
    CONFIG,
    LAYERS,
    evaluate,
    network,
    write_adapter,
)
from vantage3d.engine import test
from vantage3d.evaluation.report import build_report
from vantage3d.evaluation.results.compare import compare_runs
from vantage3d.evaluation.results.folder import ResultFolder
from vantage3d.evaluation.results.score import select_checkpoint
from vantage3d.evaluation.results.windows import load_windows
from vantage3d.evaluation.windows.contracts import GROUPS
from vantage3d.geometry import invert_rigid
from vantage3d.process.command import CommandError
from vantage3d.vggt_lora.evaluation.runs import (
    evaluate as evaluate_run,
)
from vantage3d.vggt_lora.evaluation.runs import (
    models as evaluated_models,
)
from vantage3d.vggt_lora.evaluation.runs import plan

NAMES = ["baseline", "checkpoint_2", "checkpoint_4", "checkpoint_10"]
MERGED = "merged_checkpoint_10"
TRIVIAL = ["trivial_constant", "trivial_median_map"]


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file))


def bytes_of(folder):
    """Every table of every model, but not the seconds."""
    found = {}
    for path in sorted(folder.glob("models/*/*")):
        if path.name == "metrics.json":
            content = json.loads(path.read_text())
            seconds = [key for key in content if key.startswith("performance.")]
            for key in (*seconds, "crc32"):
                del content[key]
            found[path.relative_to(folder)] = json.dumps(content).encode()
        else:
            found[path.relative_to(folder)] = path.read_bytes()
    return found


def two_of(adapters):
    """Arguments for two of three checkpoints, the others being of no interest."""
    numbers = (2, 10)
    return [*(adapters / f"iter_{number}.pth" for number in numbers), "--merge", "none"]


def check_bytes(folder, other):
    """Models of a folder of :func:`two_of` are those of the folder with all."""
    found, expected = bytes_of(folder), bytes_of(other)
    models = ["baseline", "checkpoint_2", "checkpoint_10", *TRIVIAL]
    assert ResultFolder(folder).finished() == models
    assert found.keys() < expected.keys()
    assert all(content == expected[path] for path, content in found.items())


def test_models_come_in_order_with_rank_and_alpha_of_their_own_files(evaluated):
    folder = ResultFolder(evaluated)
    everything = [*NAMES, MERGED, *TRIVIAL]
    assert folder.finished() == everything
    overall = rows(evaluated / "metrics_overall.csv")
    assert [row["checkpoint"] for row in overall] == everything
    models = folder.metadata()["models"]
    assert list(models) == everything
    for name in NAMES[1:]:
        assert (models[name]["rank"], models[name]["alpha"]) == (2, 4)
    assert models["baseline"]["kind"] == "base" and models[MERGED]["kind"] == "merged"
    hashes = {models[name]["weights_hash"] for name in NAMES}
    assert len(hashes) == 4 and all(len(digest) == 64 for digest in hashes)


def test_the_adapter_that_is_evaluated_is_the_one_that_was_trained(tmp_path):
    """Reference project: alpha of the config halved or doubled what was learned."""
    trained = write_adapter(tmp_path, "iter_7", seed=7, rank=3, alpha=12)
    factory = evaluated_models.ModelFactory(plan.load_config(CONFIG))
    images = torch.rand(1, 2, 3, 28, 42)
    with torch.inference_mode():
        expected = trained({"images": images}, mode="predict")[0]
        base = network().eval()({"images": images}, mode="predict")[0]
        for path in (tmp_path / "iter_7.pth", tmp_path / "iter_7_adapter"):
            model = evaluated_models.identify(path)
            assert (model.rank, model.alpha) == (3, 12)
            for merge in (False, True):
                net = factory.build(model, merge=merge)
                found = net({"images": images}, mode="predict")[0]
                for key, value in expected.items():
                    torch.testing.assert_close(found[key], value, rtol=1e-4, atol=1e-5)
    assert (base["pred_depth"] - expected["pred_depth"]).abs().max() > 1e-2


def test_merged_weights_score_as_their_adapter(evaluated):
    folder = ResultFolder(evaluated)
    adapter, merged = folder.metrics("checkpoint_10"), folder.metrics(MERGED)
    for name in ("depth.full.abs_rel", "depth.building.rmse", "pose.auc_30"):
        assert merged[name]["mean"] == pytest.approx(adapter[name]["mean"], abs=1e-4)
    base = folder.metrics("baseline")["depth.full.abs_rel"]["mean"]
    assert abs(base - adapter["depth.full.abs_rel"]["mean"]) > 1e-3


def test_the_tables_say_the_same(evaluated):
    """Means over frames of the CSV, over windows of the window metrics."""
    folder = ResultFolder(evaluated)
    windows = json.loads((evaluated / "windows.json").read_text())["windows"]
    overall = {r["checkpoint"]: r for r in rows(evaluated / "metrics_overall.csv")}
    for name in NAMES:
        frames = rows(folder.model(name) / "frames.csv")
        table = rows(folder.model(name) / "windows.csv")
        assert len(frames) == 9 and len(table) == 3
        assert [row["id"] for row in table] == [window["id"] for window in windows]
        assert {row["window"] for row in frames} == {row["id"] for row in table}
        metrics = folder.metrics(name)
        for key, source in (("depth.full.abs_rel", frames), ("pose.auc_30", table)):
            values = [float(row[key]) for row in source]
            assert metrics[key]["mean"] == pytest.approx(np.mean(values), rel=1e-8)
            assert metrics[key]["count"] == len(values)
            column = float(overall[name][f"{key}.mean"])
            assert column == pytest.approx(np.mean(values), rel=1e-8)
        first = [row for row in frames if row["window"] == table[0]["id"]]
        values = [float(row["depth.full.rmse"]) for row in first]
        assert float(table[0]["depth.full.rmse"]) == pytest.approx(np.mean(values))
        pixels = sum(float(row["count.building.pixels"]) for row in frames)
        assert float(overall[name]["count.building.pixels"]) == pixels > 0
        assert metrics["count.windows"]["sum"] == 3
        assert metrics["count.frames"]["sum"] == 9


def test_tools_test_writes_the_same_numbers(adapters, evaluated, cache, tmp_path):
    options = {
        "test_dataloader.dataset.stride": 2,
        "model.lora.rank": 2,
        "model.lora.target_modules": LAYERS,
    }
    checkpoint = str(adapters / "iter_10.pth")
    found = test(CONFIG, checkpoint, str(tmp_path), options, data_root=str(cache))
    (tables,) = tmp_path.rglob("depth_metrics")
    metrics = json.loads((tables / "metrics.json").read_text())
    other = ResultFolder(evaluated).model("checkpoint_10")
    expected = ResultFolder(evaluated).metrics("checkpoint_10")
    for name in ("depth.full.abs_rel", "depth.building.delta1", "pose.auc_30"):
        assert found[name] == pytest.approx(expected[name]["mean"], rel=1e-4)
        for key in ("mean", "median", "count", "ci_clusters", "ci_frames"):
            value = pytest.approx(expected[name][key], rel=1e-4)
            assert metrics[name][key] == value
    assert found["count.full.pixels"] == expected["count.full.pixels"]["sum"]
    for file, key in (("windows.csv", "id"), ("frames.csv", "frame")):
        here, there = rows(tables / file), rows(other / file)
        assert [row[key] for row in here] == [row[key] for row in there]


def test_metadata_says_what_somebody_needs(evaluated):
    metadata = ResultFolder(evaluated).metadata()
    expected = {"split": "val", "align": "median", "per": "window", "seed": 0}
    assert expected.items() <= metadata.items()
    assert metadata["building_classes"] == [11]
    assert metadata["buckets"]["chosen"] == metadata["buckets"]["available"]
    assert metadata["device"]["type"] == "cpu" and metadata["device"]["memory_mb"] > 0
    assert metadata["device"]["threads"] == torch.get_num_threads()
    assert metadata["precision"] == "float32"
    assert metadata["versions"]["torch"] == torch.__version__
    for key in ("windows_hash", "index_hash"):
        assert len(metadata[key]) == 64


def test_examples_are_frames_of_the_windows(evaluated):
    with np.load(ResultFolder(evaluated).model("baseline") / "examples.npz") as store:
        names = store["names"].tolist()
        truth, predicted = store["depth_gt"], store["depth_pred"]
        assert store["images"].shape == (3, 56, 168, 3)
        assert set(np.unique(store["semantics"])) > {7, 11}
    assert [name.rpartition("/")[2] for name in names] == ["1", "3", "5"]
    known = truth > 0
    assert 0.3 < np.median(predicted[known]) / np.median(truth[known]) < 3


def test_a_killed_evaluation_goes_on_and_ends_the_same(
    evaluated, adapters, cache, tmp_path, monkeypatch
):
    """Killed within a model: finished ones stay, finished windows are not repeated."""
    measured = []
    real = evaluate_run.predict

    def counted(net, sample, device):
        measured.append(sample["window"])
        if len(measured) == 9:  # the base with its examples, then the second window
            raise KeyboardInterrupt
        return real(net, sample, device)

    monkeypatch.setattr(evaluate_run, "predict", counted)
    runs = two_of(adapters)
    with pytest.raises(CommandError, match="the same command goes on from here"):
        evaluate(cache, tmp_path, *runs)
    assert ResultFolder(tmp_path).finished() == ["baseline"]
    stamp = (tmp_path / "models/baseline/metrics.json").stat().st_mtime_ns
    records = tmp_path / "models/checkpoint_2/records.jsonl"
    assert records.read_text().count("\n") == 3  # head and two windows
    with records.open("a") as file:
        file.write('{"id": "cut')
    evaluate(cache, tmp_path, *runs)
    assert (tmp_path / "models/baseline/metrics.json").stat().st_mtime_ns == stamp
    # The last window and the examples of one model, all of the other.
    assert len(measured) == 9 + 1 + 3 + 6
    check_bytes(tmp_path, evaluated)


def test_changed_weights_are_evaluated_again(evaluated, adapters, cache, tmp_path):
    run, out = tmp_path / "run", tmp_path / "out"
    shutil.copytree(adapters, run)
    shutil.copytree(evaluated, out)
    write_adapter(run, "iter_4", seed=99)
    evaluate(cache, out, run)
    before, after = bytes_of(evaluated), bytes_of(out)
    changed = {str(path.parent) for path in before if before[path] != after[path]}
    assert changed == {"models/checkpoint_4"}


@pytest.fixture
def messages(monkeypatch):
    """What the evaluation logs."""
    texts = []
    monkeypatch.setattr(evaluate_run, "print_log", lambda t, logger: texts.append(t))
    return texts


class Oracle(torch.nn.Module):
    """Knows the answer for every image, in a unit of its own."""

    def __init__(self, samples, scale=0.07, spoiled=0):
        super().__init__()
        self.scale, self.spoiled = scale, spoiled
        self.samples = {s["images"].numpy().tobytes(): s for s in samples}

    def forward(self, inputs, mode):
        sample = self.samples[inputs["images"][0].numpy().tobytes()]
        depth = torch.where(sample["valid"], sample["depth"], 60.0) * self.scale
        known = sample["valid"][0].nonzero()[: self.spoiled]
        depth[0][tuple(known.T)] = math.nan
        world2cam = invert_rigid(sample["cam2world"].double())
        world2cam = world2cam @ world2cam[:1].inverse()
        world2cam[:, :3, 3] *= self.scale
        found = {"pred_depth": depth, "pred_world2cam": world2cam}
        return [{**found, "pred_K": sample["K"]}]


@pytest.fixture
def oracle(monkeypatch):
    """Lets every model be one that knows the answers."""

    def install(**options):
        def build(factory, model, merge=False):
            return Oracle(install.samples, **options)

        monkeypatch.setattr(evaluated_models.ModelFactory, "build", build)

    real = plan.open_dataset

    def opened(cfg, rules):
        if "exact" in getattr(install, "depth", ""):
            cfg.test_dataloader.dataset.update(depth="exact", packed=False)
        dataset = real(cfg, rules)
        if rules.split == "val":  # and not the training frames of a trivial row
            install.samples = [dataset[i] for i in range(len(dataset))]
        return dataset

    monkeypatch.setattr(plan, "open_dataset", opened)
    return install


def test_a_perfect_predictor_scores_perfectly(oracle, cache, tmp_path):
    oracle.depth = "exact"
    oracle()
    evaluate(cache, tmp_path, groups=GROUPS)
    found = ResultFolder(tmp_path).metrics("baseline")
    best = {
        "depth.full.abs_rel": 0,
        "depth.building.abs_rel": 0,
        "depth.non_building.rmse": 0,
        "depth.building.delta1": 1,
        "depth.full.si_log": 0,
        "ablation.robust.full.abs_rel": 0,
        "normals.building.inlier_11_25": 1,
        "pose.ate_trans": 0,
        "pose.rpe_rot_deg": 0,
        "pose.auc_30": 1,
        "points.f_score": 1,
    }
    for name, value in best.items():
        assert found[name]["count"] > 0, name
        assert found[name]["mean"] == pytest.approx(value, abs=2e-3), name
    own, true = (
        found[f"{name}.building.inlier_ratio"]["mean"]
        for name in ("photometric", "photometric_truth")
    )
    assert own == pytest.approx(true, abs=0.02) and own > 0.6


def test_predictions_that_are_nan_are_counted(oracle, cache, tmp_path, messages):
    oracle(spoiled=5)
    evaluate(cache, tmp_path)
    found = ResultFolder(tmp_path).metrics("baseline")
    assert found["count.nan_pixels"]["sum"] == 3 * 5
    full = found["depth.full.delta1"]
    assert full["count"] == 9 and full["min"] < 1  # NaN pixels miss every delta
    assert found["depth.full.abs_rel"]["mean"] == pytest.approx(0, abs=1e-6)
    assert "15 pixels with known depth" in messages[-1]


def test_frames_without_depth_are_missing_not_zero(oracle, cache, tmp_path):
    oracle()
    real = plan.WindowDataset.__getitem__

    def blind(self, index):
        sample = real(self, index)
        sample["valid"][1:2] = False  # training frames stand alone
        sample["depth"][1:2] = 0
        return sample

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plan.WindowDataset, "__getitem__", blind)
        evaluate(cache, tmp_path)
    found = ResultFolder(tmp_path).metrics("baseline")["depth.full.abs_rel"]
    assert (found["count"], found["missing"]) == (6, 3)


def test_windows_that_cannot_be_read_are_counted(cache, tmp_path, messages):
    broken = tmp_path / "cache"
    shutil.copytree(cache, broken)
    last = max(broken.glob("views/*/*0001_sync/*.bin"))
    last.write_bytes(last.read_bytes()[:100])
    evaluate(broken, tmp_path / "out")
    found = ResultFolder(tmp_path / "out").metrics("baseline")
    assert found["count.windows"]["sum"] == 2
    assert found["count.skipped_windows"]["sum"] == 1
    assert last.name in messages[-1]


def test_a_folder_of_npz_is_a_model_in_everything(cache, tmp_path, capsys):
    """Without the config's network; the answers are the truth in another unit."""
    evaluate(cache, tmp_path / "out", "--no-base")  # which windows, and what to beat
    assert ResultFolder(tmp_path / "out").finished() == [*TRIVIAL]
    choice = load_windows(tmp_path / "out" / "windows.json")
    dataset = plan.open_dataset(open_street(cache), choice.rules)
    (tmp_path / "mine").mkdir()
    for window, sample in zip(choice.windows, map(dataset.__getitem__, range(3))):
        arrays = {key: sample[key].numpy() for key in ("depth", "K", "cam2world")}
        arrays["depth"] = np.where(sample["valid"], 0.1 * arrays["depth"], 9)
        arrays["cam2world"][:, :3, 3] *= 0.1
        np.savez(tmp_path / "mine" / f"{window.id}.npz", **arrays)
    shutil.copytree(tmp_path / "mine", tmp_path / "worse")
    for path in (tmp_path / "worse").glob("*.npz"):
        with np.load(path) as store:
            np.savez(path, **{**store, "depth": 1 / store["depth"]})
    folders = [str(tmp_path / name) for name in ("mine", "worse")]
    evaluate(cache, tmp_path / "out", "--no-base", "--predictions", *folders)
    assert "worse is below trivial_" in capsys.readouterr().out
    folder = ResultFolder(tmp_path / "out")
    assert folder.finished() == ["mine", "worse", *TRIVIAL]
    found = folder.metrics("mine")
    assert found["depth.full.abs_rel"]["mean"] == pytest.approx(0, abs=1e-6)
    assert found["pose.auc_30"]["mean"] == 1
    chosen = select_checkpoint(tmp_path / "out", "depth.full.delta1")
    assert chosen.name == "mine" and Path(chosen.path) == tmp_path / "mine"
    assert "worse is below" in chosen.flags["worse"]
    report = build_report(tmp_path / "out", tmp_path / "report")
    assert "mine is the only" not in report.page.read_text()
    table = compare_runs((folder.root, folder.root), ("mine", "worse")).table
    assert "B - A" in table.header and "A base" not in table.header


def open_street(cache):
    cfg = plan.load_config(CONFIG)
    plan.set_data_root(cfg, str(cache))
    return cfg


def test_models_that_are_spread_and_at_once_give_the_bytes_of_one_process(
    evaluated, adapters, cache, tmp_path, monkeypatch
):
    """Shares one after the other, with what is sent to them; the first is killed.

    What measures (`--metric-workers`) is sent as well.
    """
    real, calls, threads = evaluate_run.predict, [], []

    def in_turn(task, items, workers, preload):
        sent = (pickle.loads(pickle.dumps((task, item))) for item in items)
        return (work(item) for work, item in sent)

    def killed(*given):
        calls.append(given)
        if len(calls) == 4:  # both networks have seen a window, one its second
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(evaluate_run, "run_parallel", in_turn)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 5)
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    runs = two_of(adapters)
    spread = ("--parallel-models", "2", "--models-at-once", "2", "--repeats", "3")
    monkeypatch.setattr(evaluate_run, "time_alone", lambda task: {"fps": 7.0})
    with monkeypatch.context() as patch:
        patch.setattr(evaluate_run, "predict", killed)
        with pytest.raises(CommandError, match="the same command goes on from here"):
            evaluate(cache, tmp_path, *runs, *spread, "--overwrite")
    for name in ("baseline", "checkpoint_10", "trivial_median_map"):
        assert (tmp_path / f"models/{name}/records.jsonl").read_text().count("\n") == 2
    assert not (tmp_path / "metadata.json").exists()
    evaluate(cache, tmp_path, *runs, *spread)
    assert threads == [2, 2, 2]
    check_bytes(tmp_path, evaluated)
    both = [ResultFolder(root).metadata()["models"] for root in (tmp_path, evaluated)]
    assert all(
        facts["weights_hash"] == both[1][name]["weights_hash"]
        for name, facts in both[0].items()
    )
    for name, facts in both[0].items():
        speed = ResultFolder(tmp_path).metrics(name).get("performance.fps")
        assert (speed is None) == (facts["kind"] == "trivial")
        assert speed is None or speed["mean"] == 7.0
    overall = [row["checkpoint"] for row in rows(tmp_path / "metrics_overall.csv")]
    assert overall == list(both[0]) == ResultFolder(tmp_path).finished()
    assert not list(tmp_path.glob(".state/**/baseline.json"))


def test_a_share_neither_times_nor_overwrites(adapters, cache, tmp_path):
    share = ("--rank", "0", "--world-size", "2")
    with pytest.raises(CommandError, match="--repeats 3 would time models of shard 0"):
        evaluate(cache, tmp_path, adapters, *share, "--repeats", "3")
    with pytest.raises(CommandError, match="--overwrite with 2 processes could delete"):
        evaluate(cache, tmp_path, adapters, *share, "--overwrite")
    with pytest.raises(CommandError, match="--parallel-models must be at least 1, got"):
        evaluate(cache, tmp_path, adapters, "--parallel-models", "0")
