"""The measuring tool itself, without measuring."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"


def test_every_subject_explains_itself():
    for subject in ("sparse", "scannet_ap"):
        command = [sys.executable, str(TOOLS / "benchmark.py"), subject, "--help"]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(TOOLS.parent)},
        )
        assert done.returncode == 0, done.stderr
        assert "beside" in done.stdout


@pytest.fixture
def clouds(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    import benchmarks.sparse_clouds as module

    return module


def test_made_up_clouds_have_the_wanted_size(clouds, tmp_path):
    source, (frame, scan) = clouds.make_clouds(tmp_path, seed=0)
    assert "made-up" in source
    assert str(tmp_path) in source
    assert 5_000 < len(frame.features) <= 20_000
    assert len(scan.features) == 120_000
    assert len(scan.coordinates.unique(dim=0)) == 120_000
