"""LoRA runs by the project's Runner: killed, resumed, accumulated, shared by two."""

import random
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from tests.engine import runs
from tests.integration.test_survival import assert_same
from vantage3d.engine.checkpoints.file import companion, read_checkpoint
from vantage3d.vggt_lora.models.adapters import WEIGHTS, read_adapter

CONFIG = str(Path(__file__).with_name("toy_config.py"))
LAST = "iter_14.pth"


def train(folder, options=None, **arguments):
    return runs.run(folder, options, config=CONFIG, **arguments)


def assert_equal_runs(one, other):
    ours, theirs = read_checkpoint(one / LAST), read_checkpoint(other / LAST)
    assert runs.same(ours["state_dict"], theirs["state_dict"])
    for key in ("optimizer", "param_schedulers", "random", "progress"):
        assert_same(ours[key], theirs[key], key)
    histories = [c["message_hub"]["log_scalars"] for c in (ours, theirs)]
    for key in ("train/loss", "train/grad_norm/aggregator.*", "val/depth.full.abs_rel"):
        assert_same(histories[0][key], histories[1][key], key)


VIEWS = dict(type="ToyViews", data_root="", frames=2, image_size=56, aspect=0.5)
VIEWS["augmentation"] = dict()
REPEATED = dict(type="RepeatDataset", dataset=VIEWS, times=2)
BALANCED = dict(type="ClassBalancedDataset", dataset=VIEWS, oversample_thr=0.9)
MIXED = dict(_delete_=True, type="ConcatDataset", datasets=[REPEATED, BALANCED])


@pytest.mark.bitwise
@pytest.mark.parametrize("data", [None, MIXED], ids=["one dataset", "wrappers"])
def test_kills_leave_no_trace(tmp_path, data):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    options = {"train_dataloader.dataset": data} if data else None
    assert train(whole, options) == 0
    chance = random.Random(0)
    for _ in range(4 if data is None else 2):
        die_at = chance.randrange(10, 50)
        code = train(killed, options, resume=True, die_at=die_at)
        assert code == -signal.SIGKILL
    assert train(killed, options, resume=True) == 0
    assert_equal_runs(whole, killed)
    folders = [
        {p.name for p in f.iterdir() if "iter" in p.name} for f in (whole, killed)
    ]
    assert folders[0] == folders[1]
    assert companion(whole / LAST).is_dir()


def test_every_adapter_stays_and_the_newest_states_can_be_resumed(tmp_path):
    options = {
        "default_hooks.checkpoint.interval": 1,
        "default_hooks.checkpoint.max_keep_ckpts": 3,
        "train_cfg.max_iters": 6,
    }
    assert train(tmp_path, options) == 0
    states = {path.name for path in tmp_path.glob("iter_*.pth")}
    assert states == {"iter_4.pth", "iter_5.pth", "iter_6.pth"}
    found = {path.name: path for path in tmp_path.glob("iter_*_adapter")}
    assert sorted(found) == [f"iter_{number}_adapter" for number in range(1, 7)]
    first, last = (read_adapter(found[f"iter_{n}_adapter"]) for n in (1, 6))
    assert not runs.same(first, last)


def test_another_base_or_rank_cannot_resume(tmp_path):
    assert train(tmp_path, {"train_cfg.max_iters": 4}) == 0
    for options, message in (
        ({"model.lora.rank": 3}, "rank 2, the model's have rank 3"),
        ({"randomness.seed": 1}, "another base: SHA-256 of its aggregator"),
    ):
        assert train(tmp_path, options, resume=True) == 2
        assert message in (tmp_path / "output.txt").read_text()


def test_checkpoints_hold_adapters_only(tmp_path):
    assert train(tmp_path, {"train_cfg.max_iters": 4}) == 0
    checkpoint = read_checkpoint(tmp_path / "iter_4.pth")
    assert all(".lora_" in name for name in checkpoint["state_dict"])
    tensors = load_file(companion(tmp_path / "iter_4.pth") / WEIGHTS)
    assert len(tensors) == len(checkpoint["state_dict"])
    for name, value in checkpoint["state_dict"].items():
        assert torch.equal(
            tensors[f"base_model.model.{name.replace('.default', '')}"], value
        )
    groups = checkpoint["optimizer"]["param_groups"]
    trained = [name for group in groups for name in group["param_names"]]
    assert sorted(trained) == sorted(checkpoint["state_dict"])


def test_metrics_before_training_are_logged(tmp_path):
    options = {"train_cfg.max_iters": 6, "default_hooks.checkpoint.save_best": None}
    assert train(tmp_path, options) == 0
    hub = read_checkpoint(tmp_path / "iter_6.pth")["message_hub"]
    scores = hub["log_scalars"]["val/depth.full.abs_rel"]["log_history"]["data"]
    assert len(scores) == 1  # before training; that of iteration 6 follows the save
    log = (tmp_path / "output.txt").read_text()
    assert log.index("depth.full.abs_rel") < log.index("Iter(train)")


def without(**more):
    """One number of frames, no randomness of the process, nothing but plain steps."""
    return {
        "model.lora.dropout": 0.0,
        "model.criterion.depth.valid_range": -1,
        "train_dataloader.batch_sampler.max_images": 100,
        "optim_wrapper.optimizer": dict(_delete_=True, type="SGD", lr=0.3),
        "param_scheduler": None,
        "val_cfg": None,
        "val_dataloader": None,
        "val_evaluator": None,
        "default_hooks.checkpoint.save_best": None,
        **more,
    }


def one_epoch(batch_size, accumulative_counts):
    """Ten samples in order, in batches of equal shape."""
    return without() | {
        "train_dataloader.batch_size": batch_size,
        "train_dataloader.dataset.indices": 10,
        "train_dataloader.dataset.frames": 3,
        "train_dataloader.sampler.type": "DefaultSampler",
        "train_dataloader.batch_sampler": None,
        "optim_wrapper.accumulative_counts": accumulative_counts,
        "train_cfg": dict(_delete_=True, type="EpochBasedTrainLoop", max_epochs=1),
        "default_hooks.checkpoint.by_epoch": True,
        "default_hooks.checkpoint.interval": 1,
        "log_processor.by_epoch": True,
    }


def test_accumulation_drops_no_sample(tmp_path):
    """Single samples gathered by four are the batches of 4, 4 and the 2 that remain."""
    weights = []
    for name, options in (("whole", one_epoch(4, 1)), ("parts", one_epoch(1, 4))):
        assert train(tmp_path / name, options) == 0
        weights.append(runs.weights(tmp_path / name / "epoch_1.pth"))
    assert_close(*weights, 2e-5)
    fewer = one_epoch(4, 1) | {"train_dataloader.drop_last": True}
    assert train(tmp_path / "fewer", fewer) == 0
    without_the_last = runs.weights(tmp_path / "fewer/epoch_1.pth")
    assert not all(
        torch.allclose(without_the_last[name], value, atol=1e-4)
        for name, value in weights[0].items()
    )


def test_two_processes_equal_one(tmp_path):
    """Gloo on the CPU: batches of one and one are the batch of two."""

    def options(batch_size):
        changes = {"train_dataloader.batch_size": batch_size}
        return without(**changes) | {"optim_wrapper.accumulative_counts": 2}

    assert train(tmp_path / "one", options(2)) == 0
    processes = runs.start_two(tmp_path / "two", options(1), config=CONFIG)
    for process in processes:
        process.join(90)
    assert [process.exitcode for process in processes] == [0, 0]
    one, two = (runs.weights(tmp_path / name / LAST) for name in ("one", "two"))
    assert_close(one, two, 2e-5)


def assert_close(one, other, tolerance):
    """Equal, but for the order of sums; and trained at all."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=1e-3, atol=tolerance)
    assert max(v.abs().max() for n, v in one.items() if ".lora_B." in n) > 1e-2


def test_a_run_goes_on_from_another_one_with_another_alpha(tmp_path):
    """The second stage of two: one command, the learned update stays."""
    assert train(tmp_path / "first", {"train_cfg.max_iters": 6}) == 0
    first = tmp_path / "first" / "iter_6.pth"
    options = {"load_from": str(first), "model.lora.alpha": 1, "train_cfg.max_iters": 1}
    options["optim_wrapper.optimizer.lr"] = 0.0
    assert train(tmp_path / "second", options) == 0
    before, after = runs.weights(first), runs.weights(tmp_path / "second/iter_1.pth")
    for name, value in before.items():
        factor = 4 if ".lora_B." in name else 1
        torch.testing.assert_close(after[name], factor * value)
    assert (
        "adapters of alpha 4 go on with 1"
        in (tmp_path / "second/output.txt").read_text()
    )
