"""Curves of logs: what is read, joined and told."""

import json

import pytest

from vantage3d.visualization.curves import draw, read_log, summary, values


def write(folder, name, entries):
    path = folder / name / "vis_data/scalars.json"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def loss(step, value):
    return {"loss": value, "time": 0.5, "step": step}


@pytest.fixture
def run(tmp_path):
    """Killed after step 3, resumed from 1; a validation in between."""
    write(tmp_path, "20260101_000000", [loss(i, 9.0 - i) for i in (1, 2, 3)])
    again = [loss(2, 5.0), {"all_ap": 0.25, "step": 2}, loss(3, 4.0)]
    write(tmp_path, "20260101_000100", again)
    return tmp_path


def test_resumed_parts_are_joined(run):
    log = read_log(run)
    assert values(log, "loss") == ([1, 2, 3], [8.0, 5.0, 4.0])
    assert values(log, "all_ap") == ([2], [0.25])
    text = summary({"a": log}, ["loss", "all_ap"])
    assert "a: loss 8 at step 1, 4 at step 3, least 4, greatest 8" in text
    assert "a: 0.500 s per iteration" in text


def test_a_picture(run, tmp_path):
    draw({"a": read_log(run)}, ["loss", "all_ap"], tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 5000


def test_mistakes_are_named(run, tmp_path):
    with pytest.raises(ValueError, match=r"no run has `los`, got \['all_ap', 'loss'"):
        summary({"a": read_log(run)}, ["los"])
    with pytest.raises(FileNotFoundError, match=r"empty has no log: expected"):
        read_log(tmp_path / "empty")
    broken = write(tmp_path / "broken", "x", [])
    broken.write_text("loss 3\n")
    with pytest.raises(ValueError, match=r"scalars\.json has a line .*'loss 3'"):
        read_log(broken)
