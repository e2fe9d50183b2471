"""LoRA runs by the project's Runner: killed, resumed, accumulated, shared by two."""

import random
import signal
from pathlib import Path

from projects.common.engine.checkpoint_file import companion, read_checkpoint
from tests.common.engine import runs
from tests.integration.test_survival import assert_same

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
    for key in ("train/loss", "train/grad_norm/aggregator.*", "val/AbsRel"):
        assert_same(histories[0][key], histories[1][key], key)


def test_kills_leave_no_trace(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert train(whole) == 0
    chance = random.Random(0)
    for _ in range(4):
        code = train(killed, resume=True, die_at=chance.randrange(10, 50))
        assert code == -signal.SIGKILL
    assert train(killed, resume=True) == 0
    assert_equal_runs(whole, killed)
    folders = [
        {p.name for p in f.iterdir() if "iter" in p.name} for f in (whole, killed)
    ]
    assert folders[0] == folders[1]
    assert companion(whole / LAST).is_dir()
