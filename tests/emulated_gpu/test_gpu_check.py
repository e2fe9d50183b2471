"""``make gpu-check`` without a GPU: what it measures, and what it says of failures."""

import json
import subprocess
from argparse import Namespace

import pytest
import torch

from tests.shared import ROOT

DEVICE = torch.device("cuda")


@pytest.fixture
def process(monkeypatch):
    """The module that measures, with one timed step and little data."""
    monkeypatch.syspath_prepend(str(ROOT / "tools"))
    import benchmarks.gpu as module

    monkeypatch.setattr(module, "STEPS", 1)
    monkeypatch.setattr(module, "NARROW_POINTS", 300)
    monkeypatch.setattr(module, "NARROW_VOXELS", 200)
    return module


@pytest.fixture
def check(process):
    """The command."""
    return process


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("system", ["esam", "vggt_lora", "deltas"])
def test_a_step_of_each_system(process, system):
    found = process.measure(system, DEVICE, True)
    assert found["ok"] and found["gradients_repeat"]
    assert found["seconds"] > 0 and found["memory_mb"] == 0


@pytest.mark.usefixtures("gpu")
def test_the_sparse_engine_alone(process, monkeypatch):
    monkeypatch.setattr(process, "_minkowski_runs_on", lambda device: False)
    found = process.measure("sparse", DEVICE, True)
    assert found["ok"] and found["voxels"] == 200 and found["torch_seconds"] > 0


def options(out, **changes):
    chosen = dict(out=out, parts=["esam", "tests"], device="cpu", narrow=True)
    return Namespace(**{**chosen, **changes})


def test_the_report_holds_what_parts_say(check, tmp_path, monkeypatch, capsys):
    answers = {
        "esam": (0, 'a warning\n{"seconds": 0.5, "ok": true}\n', ""),
        "tests": (0, "3 passed in 9 s\n", ""),
        "deltas": (1, "", "Traceback\nRuntimeError: out of memory\n"),
    }

    def answer(command, **kwargs):
        part = command[2] if command[2] in answers else "tests"
        if part == "tests" and late:
            raise subprocess.TimeoutExpired(command, kwargs["timeout"])
        return subprocess.CompletedProcess(command, *answers[part])

    monkeypatch.setattr(subprocess, "run", answer)
    out, late = tmp_path / "found" / "check.json", False
    assert check.run(options(out)) == 0
    found = json.loads(out.read_text())
    assert found["device"] == "cpu" and found["ok"]
    assert found["parts"]["esam"]["seconds"] == 0.5
    assert found["parts"]["tests"]["summary"] == "3 passed in 9 s"
    late = True
    assert check.run(options(out, parts=["deltas", "tests"])) == 1
    parts = json.loads(out.read_text())["parts"]
    assert parts["deltas"]["error"] == "RuntimeError: out of memory"
    assert parts["tests"]["error"] == "not done after 150 s"
    assert "PROBLEMS" in capsys.readouterr().out


def test_without_a_gpu_it_says_so(check, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    out = tmp_path / "check.json"
    assert check.run(options(out, device="cuda")) == 2
    assert "torch finds no CUDA device" in capsys.readouterr().err
    assert not out.exists()


def test_all_parts_together_stay_below_eight_minutes(check):
    assert sum(check.LIMITS_S.values()) < 8 * 60
