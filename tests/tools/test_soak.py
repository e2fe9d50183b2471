"""The soak tells what it is there for: lost states, other results, leaks, silence."""

import hashlib
import itertools
import json
import mmap
import os
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from vantage3d.engine.checkpoints.file import write_checkpoint
from vantage3d.io.atomic import atomic_write_bytes

TOOLS = Path(__file__).resolve().parents[2] / "tools"
STEPS, STEP_S = 8, 0.03


@pytest.fixture
def soak(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    from benchmarks import soak, soak_damage, soak_kills, soak_leaks

    monkeypatch.setattr(soak_kills, "LOOK_S", 0.02)
    return SimpleNamespace(
        book=soak, damage=soak_damage, kills=soak_kills, leaks=soak_leaks
    )


def burn(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def write_files(arguments):
    """As a converter does: one file after the other, what is there stays."""
    folder, fault = Path(arguments[0]), arguments[1]
    resumed = folder.exists()
    if fault == "stops" and resumed:
        sys.exit(1)
    if fault == "begins anew" and resumed:
        for path in folder.iterdir():
            path.unlink()
        burn(STEPS * STEP_S)
    for step in range(STEPS):
        path = folder / f"{step}.json"
        if not path.exists():
            burn(STEP_S)
            content = f"{step}{resumed if fault == 'forgets' else ''}"
            atomic_write_bytes(path, content.encode())


def killed(soak, folder, fault, row=None):
    """The row of three kills, the first in the middle of the work."""
    case = soak.kills.Case(
        "files", 1, lambda out: (f"{__name__}:write_files", [str(out), fault])
    )
    row = row or soak.kills.Row("files", 3)
    soak.kills.soak(case, row, 3, folder, 48, lambda: None)
    return row


def test_a_run_that_goes_on_rightly_is_equal(soak, tmp_path):
    row = killed(soak, tmp_path, "")
    assert (row.kills, row.different, row.went_back) == (3, 0, 0)
    assert row.finished and row.passed
    assert STEPS * STEP_S < row.whole_s < row.cpu_s
    row.kills = 2
    assert killed(soak, tmp_path, "", row).kills == 3


def test_a_run_that_ends_otherwise_after_a_kill_is_told(soak, tmp_path):
    row = killed(soak, tmp_path, "forgets")
    assert row.different and not row.passed


def test_a_run_that_loses_what_was_there_is_told(soak, tmp_path):
    row = killed(soak, tmp_path, "begins anew")
    assert row.went_back and not row.different and not row.passed


def test_a_run_that_does_not_go_on_is_an_error(soak, tmp_path):
    with pytest.raises(RuntimeError, match=r"files ended with 1, see .*killed\.log"):
        killed(soak, tmp_path, "stops")


def hashed(soak, value):
    digest = hashlib.sha256()
    soak.kills.hash_values(value, digest)
    return digest.hexdigest()


def test_equal_values_have_one_hash_and_others_another(soak):
    def values():
        return [
            torch.tensor([0.0, 1.0]),
            torch.tensor([-0.0, 1.0]),
            torch.tensor([0.0, 1.0], dtype=torch.float64),
            torch.tensor([[0.0, 1.0]]),
            torch.tensor([0.0, float("nan")]),
            torch.tensor([1.0, 2.0], dtype=torch.bfloat16),
            np.array([0.0, 1.0]),
            np.array([[0.0, 1.0]]),
            np.array([0, 1]),
            {"a": 1, "b": 2},
            {"a": 2, "b": 1},
            {"a": 1, "b": [2]},
            [1, 2],
            [[1], 2],
            [2, 1],
            "12",
            1.0,
            1,
            None,
        ]

    once, again = ([hashed(soak, value) for value in values()] for _ in range(2))
    assert once == again
    alike = [pair for pair in itertools.combinations(once, 2) if pair[0] == pair[1]]
    assert not alike


def test_strided_tensors_hash_as_their_values(soak):
    whole = torch.arange(6.0).reshape(2, 3)
    assert hashed(soak, whole.T) == hashed(soak, whole.T.contiguous())


@pytest.mark.parametrize("key", ["state_dict", "ema_state_dict", "random", "progress"])
def test_a_differing_value_of_a_training_is_told(soak, tmp_path, key):
    case = soak.kills.Case("x", 1, lambda out: ("", []), trains=True)
    hashes = set()
    for name, value in (("a", 1.0), ("b", 1.0), ("c", 1.0000001)):
        parts = (*soak.kills.STATE, "progress")
        content = {part: {"weight": torch.ones(2)} for part in parts}
        content[key] = {"weight": torch.tensor([1.0, value])}
        content["meta"] = {"saved_ns": hash(name), "iter": 3}
        write_checkpoint(content, tmp_path / name / "iter_3.pth")
        hashes.add(soak.kills.state(case, tmp_path / name))
    assert len(hashes) == 2


def sealed(path):
    """What a reader does that looks at a checksum."""
    data = path.read_bytes()
    if data != b"whole":
        raise ValueError(f"{path} is damaged")
    return data


@pytest.mark.parametrize(
    ("read", "outcome"),
    [
        (sealed, "refused"),
        (lambda path: b"the same", "harmless"),
        (Path.read_bytes, "silent"),
        (lambda path: {b"whole": 1}[path.read_bytes()], "deep KeyError"),
        (lambda path: path.read_bytes() == b"whole" or os._exit(1), "crashed"),
        (
            lambda path: path.read_bytes() == b"whole" or int("x"),
            "unnamed ValueError",
        ),
    ],
)
def test_what_a_reader_does_with_damage_is_told(soak, tmp_path, read, outcome):
    path = tmp_path / "file"
    path.write_bytes(b"whole")
    kind = soak.damage.Kind("files", [path], lambda: read(path))
    found = soak.damage.Damage("files", 2)
    soak.damage.damage(kind, found, 2, 0, lambda: None)
    assert found.outcomes == {outcome: 2}
    assert found.passed == (outcome in ("refused", "harmless"))
    assert path.read_bytes() == b"whole"


def open_file():
    kept = []
    return lambda number: kept.append(open(__file__))


def memory():
    """Pages of their own: the allocator may have as much left over."""
    kept = []

    def keep(number):
        kept.append(mmap.mmap(-1, 2**20))
        kept[-1].write(bytes(2**20))

    return keep


@pytest.mark.parametrize(
    ("work", "passed"),
    [(lambda: lambda number: None, True), (open_file, False), (memory, False)],
)
def test_what_a_tool_keeps_is_told(soak, work, passed):
    found = soak.leaks.Growth("x", 40)
    soak.leaks.grow(work, found)
    assert found.done == 40 and found.passed == passed


def test_a_tool_that_dies_is_an_error(soak):
    found = soak.leaks.Growth("dying", 4)
    with pytest.raises(RuntimeError, match="dying: its process died"):
        soak.leaks.grow(lambda: lambda number: os._exit(1), found)


def test_a_stopped_soak_goes_on(soak, tmp_path):
    """What is known stays; what ended with an error, or was not run, is not passed."""
    files = tmp_path / "results.json", tmp_path / "report.md"
    book = soak.book.Book(*files)
    row = book.row("kills", "samples", 8)
    row.kills, row.finished, row.cpu_s = 8, 3, 90.0
    damaged = book.row("damage", "points", 2)
    damaged.outcomes = {"refused": 1, "harmless": 1}
    leak = book.row("leaks", "frames", 5)
    leak.frames, leak.megabytes, leak.files = 5, (10.0, 12.0), (4, 4)
    book.save()
    assert soak.book.passed(book)
    again = soak.book.Book(*files)
    assert again.row("kills", "samples", 8) == row and soak.book.passed(again)
    text = files[1].read_text()
    assert "Ran: 8 of 8 kills, 2 of 2 damages, 5 of 5 frames." in text
    assert "| samples | 8 | 8 | 3 | 0 | 0 | 1.5 |" in text
    assert "after 10% of the frames and at the end;\n20 MB more" in text
    assert "| points | 2 | 2 | 1 | 1 | 0 | 0.0 |" in text
    assert "| frames | 5 | 5 | 10 | 12 | 4 | 4 | 0.0 |" in text
    assert again.row("kills", "samples", 9) and not soak.book.passed(again)
    row.error = "it did not go on"
    book.save()
    assert "- samples: it did not go on" in files[1].read_text()
    assert not soak.book.passed(book)
    assert soak.book.Book(*files).row("kills", "samples", 8).kills == 0
    assert json.loads(files[0].read_text())["commits"] == book.commits
