"""Options of training and testing, as they reach the engine."""

import pytest

from vantage3d.cli import main
from vantage3d.engine import launch


@pytest.fixture
def called(monkeypatch):
    """What the commands would have run."""
    calls: list[dict] = []
    monkeypatch.setattr(launch, "run_command", lambda _, given: calls.append(given))
    return calls


@pytest.mark.parametrize(
    ("words", "resume"),
    [
        ([], False),
        (["--resume"], True),
        (["--resume", "auto"], True),
        (["--resume", "work/epoch_3.pth"], "work/epoch_3.pth"),
    ],
)
def test_resume(words, resume, called):
    main(["train", "config.py", *words])
    assert called[0]["resume"] == resume and not called[0]["auto_scale_lr"]


def test_options_of_the_family(called):
    main(["train", "config.py", "--auto-scale-lr"])
    main(["test", "config.py", "x.pth", "--show", "--wait-time", "0.5", "--tta"])
    assert called[0]["auto_scale_lr"]
    assert called[1]["show"] and called[1]["tta"] and called[1]["wait_time"] == 0.5
    assert called[1]["out"] is None and called[1]["show_dir"] is None
