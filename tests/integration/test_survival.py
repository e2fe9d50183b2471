"""Runs that are killed at any moment end with the weights of an undisturbed run."""

import contextlib
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.engine import runs
from vantage3d.engine.checkpoints.file import newest_checkpoint, read_checkpoint

# Steps, writes, fsyncs, renames and removals of one epoch with its three saves.
EVENTS_PER_EPOCH = 70
AVERAGED = {"custom_hooks": [{"type": "EMAHook", "momentum": 0.1}]}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    assert runs.run(folder) == 0
    return folder


def assert_equal_to(undisturbed: Path, folder: Path, name: str = "epoch_4.pth") -> None:
    """Weights, optimizer, schedules and random states, bit for bit."""
    ours, theirs = read_checkpoint(folder / name), read_checkpoint(undisturbed / name)
    assert runs.same(ours["state_dict"], theirs["state_dict"])
    for key in ("optimizer", "param_schedulers", "random", "progress"):
        assert_same(ours[key], theirs[key], key)
    for key in ("best_score", "kept_checkpoints"):
        info = [c["message_hub"]["runtime_info"][key] for c in (ours, theirs)]
        assert info[0] == info[1]
    histories = [c["message_hub"]["log_scalars"] for c in (ours, theirs)]
    for key in ("train/loss", "train/lr", "train/grad_norm", "val/toy/score"):
        assert_same(histories[0][key], histories[1][key], key)


def assert_same(one, other, where):
    assert type(one) is type(other), where
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_same(one[key], other[key], f"{where}.{key}")
    elif isinstance(one, (list, tuple)):
        assert len(one) == len(other), where
        for index, (a, b) in enumerate(zip(one, other)):
            assert_same(a, b, f"{where}.{index}")
    else:
        assert one == other, where


def newest_iteration(folder: Path) -> int:
    """Of the checkpoint that a resume would take; 0 if there is none."""
    found = newest_checkpoint(folder)
    return 0 if found is None else found[1]["meta"]["iter"]


def test_kills_leave_no_trace(undisturbed, tmp_path):
    """Kills at random events of one training, saves among them."""
    chance = random.Random(0)
    done, inside_save = 0, 0
    for _ in range(6):
        moment = chance.randrange(1, EVENTS_PER_EPOCH // 2)
        assert runs.run(tmp_path, resume=True, die_at=moment) == -signal.SIGKILL
        # A half-written file is there exactly if the kill met a save.
        inside_save += bool(list(tmp_path.glob(".*.part")))
        before, done = done, newest_iteration(tmp_path)
        assert done >= before
    assert inside_save >= 2
    assert runs.run(tmp_path, resume=True) == 0
    assert_equal_to(undisturbed, tmp_path)
    assert not list(tmp_path.glob(".*.part"))
    assert {p.name for p in tmp_path.glob("*.pth")} == {
        p.name for p in undisturbed.glob("*.pth")
    }


def test_every_event_may_be_the_last(undisturbed, tmp_path):
    """What a kill before any event leaves: never less than was there before it."""
    left = tmp_path / "left"
    moment = 2 * EVENTS_PER_EPOCH
    code = runs.run(tmp_path / "run", die_at=moment, copies=left)
    assert code == -signal.SIGKILL
    folders = sorted(left.iterdir())
    assert len(folders) == moment
    done, read = [], None
    for folder in folders:
        files = {(p.name, p.stat().st_mtime_ns) for p in folder.glob("*.pth*")}
        if files != read:
            done.append(newest_iteration(folder))
        read = files
    assert done == sorted(done) and set(done) >= {0, 6, 12}
    torn = [folder for folder in folders if list(folder.glob(".*.part"))]
    for folder in random.Random(1).sample(torn, 3):
        assert runs.run(folder, resume=True) == 0
        assert_equal_to(undisturbed, folder)


def test_the_command_killed_by_the_clock(undisturbed, tmp_path):
    """What ``tools/train.py`` calls, killed at random times after a checkpoint."""
    chance, newest = random.Random(1), 0.0
    for _ in range(3):
        process = command(tmp_path)
        deadline = time.monotonic() + 60
        while newest_date(tmp_path) == newest and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(chance.uniform(0.0, 0.1))
        process.kill()
        process.join()
        assert newest_iteration(tmp_path) > 0
        newest = newest_date(tmp_path)
    process = command(tmp_path)
    process.join(60)
    assert process.exitcode == 0
    assert_equal_to(undisturbed, tmp_path)


def command(folder: Path) -> Any:
    """The command as a user types it, with two workers."""
    options = ["--resume", "--cfg-options", "train_dataloader.num_workers=2"]
    return runs.start_command(folder, [runs.CONFIG, *options])


def newest_date(folder: Path) -> float:
    """Changes when a checkpoint is written."""
    return max((p.stat().st_mtime for p in folder.glob("epoch_*.pth")), default=0.0)


def test_workers_do_not_outlive_a_killed_run(tmp_path):
    options = {"train_dataloader.num_workers": 2, "model.slow": (2, 600.0)}
    process = runs.start(tmp_path, options)
    deadline = time.monotonic() + 30
    while len(members(process.pid)) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(members(process.pid)) == 3
    process.kill()
    process.join()
    while members(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not members(process.pid)


def members(group: int) -> list[str]:
    """Processes of a group, from /proc."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] != "Z":
                found.append(stat.parent.name)
    return found


@pytest.mark.bitwise
def test_workers_change_nothing(undisturbed, tmp_path):
    options = {
        "train_dataloader.num_workers": 3,
        "train_dataloader.persistent_workers": True,
        "val_dataloader.num_workers": 1,
    }
    assert runs.run(tmp_path, options) == 0
    assert_equal_to(undisturbed, tmp_path)


@pytest.mark.bitwise
def test_checkpoints_within_an_epoch(undisturbed, tmp_path):
    """Saved every 5 iterations of epochs of 6, killed in the third epoch."""
    options = {
        "default_hooks.checkpoint.by_epoch": False,
        "default_hooks.checkpoint.interval": 5,
    }
    assert runs.run(tmp_path, options, die_at=120) == -signal.SIGKILL
    assert newest_iteration(tmp_path) % 6
    assert runs.run(tmp_path, options, resume=True) == 0
    (tmp_path / "iter_24.pth").rename(tmp_path / "epoch_4.pth")
    assert_stopped_run_equals(undisturbed, tmp_path)


@pytest.mark.parametrize("sampler", ["InfiniteSampler", "DefaultSampler"])
def test_iteration_based_training(tmp_path, sampler):
    options = {
        "train_cfg": {
            "_delete_": True,
            "by_epoch": False,
            "max_iters": 20,
            "val_interval": 7,
        },
        "train_dataloader.sampler.type": sampler,
        "default_hooks.checkpoint.by_epoch": False,
        "default_hooks.checkpoint.interval": 3,
        "log_processor.by_epoch": False,
    }
    assert runs.run(tmp_path / "whole", options) == 0
    killed = tmp_path / "killed"
    assert runs.run(killed, options, die_at=100) == -signal.SIGKILL
    assert 0 < newest_iteration(killed) < 20
    assert runs.run(killed, options, resume=True) == 0
    assert_equal_to(tmp_path / "whole", killed, "iter_20.pth")


@pytest.fixture(scope="module")
def averaged(tmp_path_factory):
    folder = tmp_path_factory.mktemp("averaged")
    assert runs.run(folder, AVERAGED) == 0
    return folder


def test_averaged_weights_survive(averaged, tmp_path):
    assert runs.run(tmp_path, AVERAGED, die_at=150) == -signal.SIGKILL
    assert runs.run(tmp_path, AVERAGED, resume=True) == 0
    assert_equal_to(averaged, tmp_path)
    both = [read_checkpoint(d / "epoch_4.pth") for d in (averaged, tmp_path)]
    assert runs.same(both[0]["ema_state_dict"], both[1]["ema_state_dict"])


def test_accumulated_gradients_survive(tmp_path):
    """Checkpoints at iterations that are no multiple of the accumulation."""
    options = {
        "optim_wrapper.accumulative_counts": 4,
        "default_hooks.checkpoint.by_epoch": False,
        "default_hooks.checkpoint.interval": 5,
    }
    assert runs.run(tmp_path / "whole", options) == 0
    killed = tmp_path / "killed"
    assert runs.run(killed, options, die_at=100) == -signal.SIGKILL
    found = newest_checkpoint(killed)
    assert found is not None
    assert "gradients" in found[1]
    assert runs.run(killed, options, resume=True) == 0
    assert_equal_to(tmp_path / "whole", killed, "iter_24.pth")


def wait_for_iteration(folder: Path, text: str) -> None:
    deadline = time.monotonic() + 30
    output = folder / "output.txt"
    while time.monotonic() < deadline:
        if output.exists() and text in output.read_text():
            return
        time.sleep(0.02)
    raise TimeoutError(f"{text!r} never came")


def test_stop_signal_saves_and_resume_goes_on(undisturbed, tmp_path):
    """In the middle of an iteration that takes a second."""
    process = runs.start(tmp_path, {"model.slow": (9, 1.0)})
    wait_for_iteration(tmp_path, "saved")
    time.sleep(0.4)
    sent = time.monotonic()
    runs.send(process, signal.SIGINT)
    process.join(20)
    assert process.exitcode == 128 + signal.SIGINT
    assert time.monotonic() - sent < 10
    output = (tmp_path / "output.txt").read_text()
    assert "stopped by SIGINT: iteration 9 is saved in" in output
    assert "Continue with --resume" in output
    assert runs.run(tmp_path, resume=True) == 0
    assert_stopped_run_equals(undisturbed, tmp_path)


def assert_stopped_run_equals(
    undisturbed: Path, folder: Path, name: str = "epoch_4.pth"
) -> None:
    ours, theirs = (read_checkpoint(d / name) for d in (folder, undisturbed))
    for key in ("state_dict", "optimizer", "param_schedulers", "random", "progress"):
        assert_same(ours[key], theirs[key], key)
    loss = [c["message_hub"]["log_scalars"]["train/loss"] for c in (ours, theirs)]
    assert_same(loss[0], loss[1], "train/loss")


def test_stop_signal_in_an_endless_iteration(undisturbed, tmp_path):
    """The state before the iteration is saved, within 10 s of the signal."""
    process = runs.start(tmp_path, {"model.slow": (9, 600.0)})
    wait_for_iteration(tmp_path, "saved")
    time.sleep(0.5)
    sent = time.monotonic()
    runs.send(process, signal.SIGTERM)
    process.join(20)
    assert time.monotonic() - sent < 10
    assert process.exitcode == 143
    output = (tmp_path / "output.txt").read_text()
    assert "SIGTERM within an iteration, which did not end in 3 s: iteration 8 is " in (
        output
    )
    assert newest_iteration(tmp_path) == 8
    assert runs.run(tmp_path, resume=True) == 0
    assert_stopped_run_equals(undisturbed, tmp_path)


def test_time_to_stop_is_the_config_s(tmp_path):
    """An iteration that already changes weights cannot be saved: nothing is."""
    options = {"custom_hooks": [{"type": "SlowHook"}], "stop_within_s": 4}
    process = runs.start(tmp_path, options)
    wait_for_iteration(tmp_path, "saved")
    time.sleep(0.4)
    sent = time.monotonic()
    runs.send(process, signal.SIGTERM)
    process.join(20)
    assert process.exitcode == 143
    assert 2.5 < time.monotonic() - sent < 4
    output = (tmp_path / "output.txt").read_text()
    assert "not saved within 3 s, the last checkpoint stands" in output
    assert newest_iteration(tmp_path) == 6


def test_stop_signal_in_a_validation_with_averaged_weights(averaged, tmp_path):
    process = runs.start(tmp_path, {**AVERAGED, "model.slow_validation": 0.7})
    wait_for_iteration(tmp_path, "saved")
    time.sleep(0.4)
    runs.send(process, signal.SIGTERM)
    process.join(20)
    assert process.exitcode == 143
    assert newest_iteration(tmp_path) == 6
    assert runs.run(tmp_path, AVERAGED, resume=True) == 0
    assert_stopped_run_equals(averaged, tmp_path)


def test_stop_signal_to_the_whole_group(undisturbed, tmp_path):
    """As Ctrl-C in a terminal: the loader's workers hear it too."""
    options = {"model.slow": (9, 1.0), "train_dataloader.num_workers": 2}
    process = runs.start(tmp_path, options)
    wait_for_iteration(tmp_path, "saved")
    time.sleep(0.3)
    runs.send(process, signal.SIGTERM, group=True)
    process.join(20)
    assert process.exitcode == 143
    assert runs.run(tmp_path, resume=True) == 0
    assert_stopped_run_equals(undisturbed, tmp_path)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA")
def test_mixed_precision_survives(tmp_path):
    options = {"optim_wrapper.type": "AmpOptimWrapper"}
    assert runs.run(tmp_path / "whole", options) == 0
    killed = tmp_path / "killed"
    assert runs.run(killed, options, die_at=150) == -signal.SIGKILL
    assert runs.run(killed, options, resume=True) == 0
    assert_equal_to(tmp_path / "whole", killed)


@pytest.mark.slow
def test_two_processes_stop_together_and_go_on(tmp_path):
    """One of them gets the signal; both save one state and leave.

    What one process alone remembers, such as the statistics of its batches, would be
    lost: with frozen norms the result depends on them.
    """

    def join(processes):
        for process in processes:
            process.join(60)
        return [process.exitcode for process in processes]

    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    options = {"custom_hooks": [dict(type="FreezeNormsHook", begin=2)]}
    assert join(runs.start_two(whole, options)) == [0, 0]
    processes = runs.start_two(stopped, {"model.slow": (5, 1.5), **options})
    wait_for_iteration(stopped / "rank_0", "saved")
    time.sleep(0.5)
    runs.send(processes[1], signal.SIGTERM)
    assert join(processes) == [143, 143]
    assert join(runs.start_two(stopped, options, resume=True)) == [0, 0]
    assert_stopped_run_equals(whole, stopped)


def test_a_damaged_newest_checkpoint_is_skipped_aloud(undisturbed, tmp_path):
    assert runs.run(tmp_path, die_at=3 * EVENTS_PER_EPOCH) == -signal.SIGKILL
    newest, _ = newest_checkpoint(tmp_path)
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 1
    newest.write_bytes(content)
    assert runs.run(tmp_path, resume=True) == 0
    output = (tmp_path / "output.txt").read_text()
    assert f"skipped: checkpoint {newest} is damaged: its SHA-256 is" in output
    assert f"resumed from {tmp_path}/epoch_" in output
    assert_equal_to(undisturbed, tmp_path)
