"""What a user sees: tools, exit codes, resuming, loading, testing."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config

from tests.engine import runs
from vantage3d.engine import launch, run_command
from vantage3d.engine import test as evaluate
from vantage3d.engine.checkpoints.file import read_checkpoint, write_checkpoint
from vantage3d.engine.errors import CheckpointError, ConfigError, EngineError
from vantage3d.engine.launch import _last_words, set_data_root, train

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    assert runs.run(folder) == 0
    return folder


def tool(name: str, *arguments: str) -> subprocess.CompletedProcess:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "projects")]),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, str(ROOT / "tools" / name), *arguments],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )


def test_tools_train_and_test(tmp_path, trained):
    options = ["--work-dir", str(tmp_path), "--cfg-options"]
    done = tool("train.py", runs.CONFIG, *options, "train_cfg.max_epochs=2")
    assert done.returncode == 0, done.stderr
    assert "eta: " in done.stdout + done.stderr
    weights = str(trained / "epoch_4.pth")
    done = tool(
        "test.py", runs.CONFIG, weights, *options, "default_hooks.logger.interval=2"
    )
    assert done.returncode == 0, done.stderr
    assert "toy/score: " in done.stdout
    assert "Epoch(test) [2/4]    eta: " in done.stdout


def test_tool_prints_one_message_for_a_user_error(tmp_path):
    done = tool("test.py", runs.CONFIG, str(tmp_path / "epoch_7.pth"))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert done.stderr.endswith(
        f"error: checkpoint {tmp_path}/epoch_7.pth does not exist; {tmp_path} has no "
        "checkpoints\n"
    )


def test_metrics_of_a_checkpoint(trained, tmp_path):
    metrics = evaluate(runs.CONFIG, str(trained / "epoch_4.pth"), str(tmp_path))
    again = evaluate(
        runs.CONFIG,
        str(trained / "epoch_4.pth"),
        str(tmp_path),
        {"test_dataloader.num_workers": 2, "test_dataloader.batch_size": 24},
    )
    assert metrics["toy/score"] == pytest.approx(again["toy/score"], abs=1e-6)


def test_a_work_dir_stands_for_its_newest_checkpoint(trained, tmp_path):
    newest = evaluate(runs.CONFIG, str(trained), str(tmp_path))
    named = evaluate(runs.CONFIG, str(trained / "epoch_4.pth"), str(tmp_path))
    assert newest["toy/score"] == named["toy/score"]
    (tmp_path / "x").mkdir()
    with pytest.raises(CheckpointError, match=f"{tmp_path / 'x'} holds no checkpoint"):
        evaluate(runs.CONFIG, str(tmp_path / "x"), str(tmp_path))


@pytest.mark.parametrize("key", ["test_dataloader", "test_evaluator"])
def test_a_config_without_test_data(tmp_path, key):
    with pytest.raises(ConfigError, match=f"cannot be tested: it has no `{key}`"):
        evaluate(runs.CONFIG, "x.pth", str(tmp_path), {key: None})


def test_a_config_without_training(tmp_path):
    with pytest.raises(ConfigError, match="cannot be trained: it has no `train_cfg`"):
        train(runs.CONFIG, str(tmp_path), cfg_options={"train_cfg": None})


def test_default_work_dir_has_the_config_s_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(EngineError):
        train(runs.CONFIG, cfg_options={"load_from": "nowhere.pth"})
    assert (tmp_path / "work_dirs" / "toy_config").is_dir()


def test_resume_without_a_checkpoint_starts_from_the_beginning(tmp_path, trained):
    assert runs.run(tmp_path, {"train_cfg.max_epochs": 4}, resume=True) == 0
    assert "yet: starting from the beginning" in (tmp_path / "output.txt").read_text()
    assert runs.same(
        runs.weights(tmp_path / "epoch_4.pth"), runs.weights(trained / "epoch_4.pth")
    )


def test_resume_of_a_finished_run_changes_nothing(tmp_path):
    assert runs.run(tmp_path) == 0
    before = runs.weights(tmp_path / "epoch_4.pth")
    assert runs.run(tmp_path, resume=True) == 0
    assert runs.same(before, runs.weights(tmp_path / "epoch_4.pth"))


def test_load_from_starts_anew_and_resume_prefers_the_work_dir(tmp_path, trained):
    options = {"load_from": str(trained / "epoch_4.pth"), "train_cfg.max_epochs": 1}
    assert runs.run(tmp_path, options, resume=True) == 0
    output = (tmp_path / "output.txt").read_text()
    assert "epoch_4.pth: 9 of 9 keys loaded" in output
    assert "resumed" not in output
    assert read_checkpoint(tmp_path / "epoch_1.pth")["meta"]["iter"] == 6
    assert runs.run(tmp_path, options, resume=True) == 0
    assert f"resumed from {tmp_path}/epoch_1" in (tmp_path / "output.txt").read_text()


def test_resume_from_a_named_checkpoint(tmp_path, trained):
    options = {"resume": str(trained / "epoch_3.pth")}
    assert runs.run(tmp_path, options) == 0
    assert runs.same(
        runs.weights(tmp_path / "epoch_4.pth"), runs.weights(trained / "epoch_4.pth")
    )


def test_weights_cannot_be_resumed_from(tmp_path, trained):
    (best,) = trained.glob("best_*.pth")
    with pytest.raises(CheckpointError, match=r"best_.* cannot be resumed.*'progress'"):
        train(runs.CONFIG, str(tmp_path), cfg_options={"resume": str(best)})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model.width": 5}, r"does not fit ToyModel(.|\n)*\[8, 4\], the model has"),
        ({"param_scheduler": None}, "`param_scheduler` was absent, is None"),
        (
            {"param_scheduler": [{"type": "ConstantLR"}]},
            "`param_scheduler.0.type` was LinearLR, is ConstantLR",
        ),
        (
            {"optim_wrapper.optimizer.lr": 0.5},
            r"`optim_wrapper.optimizer.lr` was 0.01, is 0.5. Undo that, or start",
        ),
        (
            {"optim_wrapper.paramwise_cfg": {"bias_lr_mult": 2.0}},
            "`optim_wrapper.paramwise_cfg.bias_lr_mult` was absent, is 2.0",
        ),
    ],
)
def test_resume_with_another_config(tmp_path, trained, options, message):
    options = {**options, "resume": str(trained / "epoch_3.pth")}
    with pytest.raises(CheckpointError, match=message):
        train(runs.CONFIG, str(tmp_path), cfg_options=options)


def test_resume_within_an_epoch_needs_the_same_batches(tmp_path, trained):
    within = torch.load(trained / "epoch_3.pth", weights_only=True)
    within["progress"]["batch"] = 2
    write_checkpoint(within, tmp_path / "within.pth")
    options = {
        "resume": str(tmp_path / "within.pth"),
        "train_dataloader.batch_size": 3,
    }
    message = "saved after batch 2 of 6, now an epoch has 8"
    with pytest.raises(CheckpointError, match=message):
        train(runs.CONFIG, str(tmp_path), cfg_options=options)


def test_full_disk_ends_the_run_with_one_message(tmp_path):
    mount = tmp_path / "small"
    mount.mkdir()
    size = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(mount)]
    if subprocess.run(size, capture_output=True).returncode:
        pytest.skip("cannot mount a tmpfs here")
    try:
        # Logs and config are small; the checkpoints fill the disk.
        code = runs.run(mount, {"default_hooks.checkpoint.max_keep_ckpts": -1})
        assert code == 2
        output = (mount / "output.txt").read_text()
        assert "Traceback" not in output
        names = sorted(p.name for p in mount.glob("epoch_*.pth"))
        assert names
        for name in names:
            read_checkpoint(mount / name)
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def test_unknown_metric_for_the_best_checkpoint(tmp_path):
    options = {"default_hooks.checkpoint.save_best": "toy/AP"}
    with pytest.raises(
        ConfigError, match=r"`toy/AP`, the evaluation gave \['toy/score"
    ):
        train(runs.CONFIG, str(tmp_path), cfg_options=options)


def test_errors_of_the_data_are_one_message(tmp_path):
    options = {
        "train_dataloader.dataset.missing": "no/such/file.bin",
        "train_dataloader.num_workers": 1,
    }
    assert runs.run(tmp_path, options) == 2
    output = (tmp_path / "output.txt").read_text()
    assert "\nerror: no/such/file.bin is missing\n(traceback: " in output


def test_message_of_a_worker_without_its_traceback():
    text = (
        "Caught ValueError in DataLoader worker process 0.\nOriginal Traceback (most "
        "recent call last):\n  File x\nValueError: a.bin has 3 bytes\n"
    )
    assert _last_words(ValueError(text)) == "a.bin has 3 bytes"
    assert _last_words(ValueError("ValueError: plain")) == "ValueError: plain"


def test_a_longer_run_goes_on_and_says_so(tmp_path, trained):
    options = {"resume": str(trained / "epoch_3.pth"), "train_cfg.max_epochs": 5}
    assert runs.run(tmp_path, options) == 0
    output = (tmp_path / "output.txt").read_text()
    assert "another config: `train_cfg.max_epochs` was 4, is 5" in output
    assert read_checkpoint(tmp_path / "epoch_5.pth")["meta"]["epoch"] == 5


def test_a_used_work_dir_is_not_overwritten(tmp_path):
    assert runs.run(tmp_path, {"train_cfg.max_epochs": 1}) == 0
    before = (tmp_path / "epoch_1.pth").read_bytes()
    message = r"holds checkpoints of an earlier run \(.*epoch_1\.pth\): continue it"
    with pytest.raises(CheckpointError, match=message):
        train(runs.CONFIG, str(tmp_path))
    assert (tmp_path / "epoch_1.pth").read_bytes() == before


def test_weights_that_training_may_lack_are_needed_for_a_test(tmp_path, trained):
    part = torch.load(trained / "epoch_4.pth", weights_only=True)
    del part["state_dict"]["net.3.weight"]
    path = tmp_path / "part.pth"
    write_checkpoint(part, path)
    options = {"load_from_policy": {"allow_missing": [r"^net\.3\."]}}
    run = {**options, "load_from": str(path), "train_cfg.max_epochs": 1}
    assert runs.run(tmp_path / "train", run) == 0
    with pytest.raises(CheckpointError, match=r"missing(.|\n)*net\.3\.weight"):
        evaluate(runs.CONFIG, str(path), str(tmp_path), options)


def test_data_root_reaches_every_dataset():
    cfg = {
        "dataset": {
            "type": "ConcatDataset",
            "datasets": [{"data_root": "a/"}, {"dataset": {"data_root": "b/"}}, {}],
        }
    }
    cfg = Config({"train_dataloader": cfg, "test_dataloader": None})
    set_data_root(cfg, "c")
    datasets = cfg.train_dataloader.dataset.datasets
    assert datasets == [{"data_root": "c"}, {"dataset": {"data_root": "c"}}, {}]


def test_a_model_that_cannot_be_built_is_one_message(tmp_path):
    assert runs.run(tmp_path, {"model.width": "wide"}) == 2
    output = (tmp_path / "output.txt").read_text()
    message = r"error: config .*toy_config\.py cannot be built: ToyModel: TypeError: "
    assert re.search(message, output)
    assert "(traceback: " in output


def test_a_parameter_group_without_parameters(tmp_path):
    options = {
        "optim_wrapper.paramwise_cfg": {"custom_keys": {"nett.0": {"lr_mult": 0}}}
    }
    message = r"custom_keys` has 'nett\.0', which is part of none of the model's 6"
    with pytest.raises(ConfigError, match=message):
        train(runs.CONFIG, str(tmp_path), cfg_options=options)


@pytest.mark.parametrize(
    ("key", "value"), [("lr_mult", {"*": 0.1}), ("no_decay", ["*"])]
)
def test_settings_that_the_constructor_does_not_read(key, value, tmp_path):
    """MMEngine's own would train everything at one rate, and say nothing."""
    options = {"optim_wrapper.paramwise_cfg": {key: value}}
    message = f"paramwise_cfg` has '{key}', which nothing reads.*GroupingConstructor"
    with pytest.raises(ConfigError, match=message):
        train(runs.CONFIG, str(tmp_path), cfg_options=options)


def test_a_released_file_that_is_not_there_says_where_it_comes_from(tmp_path):
    path = tmp_path / "mask3d_scannet200.pth"
    with pytest.raises(
        CheckpointError, match=r"oneformer3d/releases.*weights\.md#mask3d_scannet200"
    ):
        train(runs.CONFIG, str(tmp_path), cfg_options={"load_from": str(path)})


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"tta": True}, r"--tta is for parts that have `tta`, got \['\w+'\]"),
        ({"out": "x"}, r"--out is for parts that have `predictions_dir`, got \['\w+'"),
        ({"show_dir": "x"}, "--show-dir is for parts that have `out_dir`, got"),
    ],
)
def test_options_that_a_config_cannot_take(tmp_path, trained, option, message):
    with pytest.raises(ConfigError, match=message):
        evaluate(runs.CONFIG, str(trained), str(tmp_path), **option)


def test_learning_rates_follow_the_batch(tmp_path, monkeypatch):
    """MMEngine's runner multiplies them where the config says so."""
    with pytest.raises(ConfigError, match=r"needs `auto_scale_lr\.base_batch_size`"):
        train(runs.CONFIG, str(tmp_path), auto_scale_lr=True)
    seen = []
    run = SimpleNamespace(train=lambda: None)
    monkeypatch.setattr(launch, "_build", lambda cfg: seen.append(cfg) or run)
    config = str(ROOT / "configs/ESAM_CA/ESAM_sv_synthetic_CA.py")
    for given in (False, True):
        train(config, str(tmp_path), auto_scale_lr=given)
    assert [cfg.auto_scale_lr.enable for cfg in seen] == [False, True]
    assert seen[0].auto_scale_lr.base_batch_size == 4


def test_a_finished_process_ends_before_python_can_abort_it(tmp_path, monkeypatch):
    """Nothing of Python's own ending runs, whose C++ part may abort."""
    codes = []
    monkeypatch.setattr(launch, "leave", codes.append)
    run_command(lambda: None, {})
    assert codes == []
    store = torch.distributed.FileStore(str(tmp_path / "store"), 1)
    torch.distributed.init_process_group("gloo", store=store, rank=0, world_size=1)
    run_command(lambda: None, {})
    assert codes == [0] and not torch.distributed.is_initialized()


def test_a_second_training_in_a_work_dir_is_refused_by_name(tmp_path):
    """And leaves nothing of its own there: the config's copy is the running one's."""
    process = runs.start(tmp_path, {"model.slow": (1, 600.0)})
    try:
        deadline = time.monotonic() + 30
        copy = tmp_path / "toy_config.py"
        while not copy.exists() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert runs.run(tmp_path, {"train_cfg.max_epochs": 9}, resume=True) == 2
        output = (tmp_path / "output.txt").read_text()
        message = f"error: {tmp_path} is in use by process {process.pid} on "
        assert message in output and "choose another --work-dir" in output
        assert "max_epochs=4" in copy.read_text()
    finally:
        process.kill()
        process.join()
