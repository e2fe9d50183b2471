"""Speed is measured warm and synchronised, memory alone in a process."""

import sys
import time

import pytest
import torch

from tests.vggt_lora.evaluation.runs.adapter_runs import CONFIG
from vantage3d.vggt_lora.evaluation.runs import timing
from vantage3d.vggt_lora.evaluation.runs.models import EvaluatedModel, ModelFactory
from vantage3d.vggt_lora.evaluation.runs.timing import TimingTask, measure, time_alone

BASE = EvaluatedModel("baseline", "base", "", "0" * 64)


def task(repeats=10, threads=1):
    return TimingTask(CONFIG, {}, BASE, (4, 28, 42), "cpu", False, repeats, threads)


class Sleeper(torch.nn.Module):
    """Slow while it is cold, then 10 ms, and 30 ms at the end."""

    def __init__(self, seconds):
        super().__init__()
        self.seconds, self.merged, self.shapes = list(seconds), None, set()

    def forward(self, inputs, mode):
        self.shapes.add(tuple(inputs["images"].shape))
        time.sleep(self.seconds.pop(0))


def test_warm_up_does_not_count(monkeypatch):
    net = Sleeper([0.2] * timing.WARM_UP + [0.01] * 9 + [0.05])

    def build(factory, model, merge=False):
        net.merged = merge
        return net

    monkeypatch.setattr(ModelFactory, "build", build)
    threads = torch.get_num_threads()
    found = measure(task(threads=threads))
    assert not net.seconds and net.merged and net.shapes == {(1, 4, 3, 28, 42)}
    # Sleeping takes at least as long as asked for; the machine may be busy.
    assert 0.014 <= found["latency_sec"] < 0.1
    assert found["fps"] == pytest.approx(4 / found["latency_sec"])
    assert 10 <= found["latency_p50_ms"] <= found["latency_p95_ms"]
    assert found["latency_p95_ms"] >= 30
    assert 50 < found["ram_mb"] < 10_000
    assert "vram_mb" not in found  # nothing of the kind on a CPU


def test_the_peak_is_that_of_its_own_process():
    """What this process holds is not in it."""
    ballast = torch.ones(200 * 2**20 // 4)
    here = timing.memory_mb("VmRSS")
    found = time_alone(task(repeats=1))
    assert 50 < found["ram_mb"] < here - 100
    assert found["fps"] > 0 and len(ballast)


def test_a_process_that_fails_says_so(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(RuntimeError, match=r"timing of baseline failed .* code 1"):
        time_alone(task())


def test_no_repeats_are_no_measurement():
    with pytest.raises(ValueError, match="`repeats` must be positive, got 0"):
        task(repeats=0)
