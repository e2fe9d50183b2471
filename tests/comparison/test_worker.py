"""Shared initial weights: every key of the baseline, and nothing else, is the same."""

import re

import pytest
import torch

from vantage3d.comparison import worker
from vantage3d.engine.checkpoints.file import read_checkpoint

CONFIGS = "configs/ESAM_CA/ESAM_sv_synthetic_CA"


@pytest.mark.bitwise
def test_keys_beyond_the_baseline_may_start_on_their_own(tmp_path, monkeypatch):
    path = tmp_path / "seed3.pth"
    worker.init(f"{CONFIGS}.py", str(path), 3, {})
    shared = read_checkpoint(path)["state_dict"]
    again = tmp_path / "again.pth"
    worker.init(f"{CONFIGS}.py", str(again), 3, {})
    same = read_checkpoint(again)["state_dict"]
    assert all(torch.equal(shared[key], same[key]) for key in shared)

    calls = []
    monkeypatch.setattr(worker, "train", lambda config, **kw: calls.append(kw))
    for suffix in ("", "_dino_inject"):
        worker.start_training(f"{CONFIGS}{suffix}.py", {"load_from": str(path)})
    plain, inject = (
        call["cfg_options"]["load_from_policy.allow_missing"] for call in calls
    )
    assert plain == []
    for stride in (8, 4, 2, 1):
        assert re.search(inject[0], f"backbone.dino_proj_{stride}.kernel")
    assert not any(re.search(inject[0], key) for key in shared)
