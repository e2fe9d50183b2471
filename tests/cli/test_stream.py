"""``run-stream`` as a user calls it."""

import csv
import json

import pytest

from tests.inference.conftest import room, weights
from vantage3d.cli.predict import SEGMENTERS
from vantage3d.cli.stream import ASSOCIATIONS, TABLE, run_stream
from vantage3d.esam.evaluation import scene_ap
from vantage3d.esam.evaluation.scene_ap import MODEL
from vantage3d.esam.evaluation.stream import FILE, TRUTH
from vantage3d.esam.online.association import RULES
from vantage3d.process.command import CommandError
from vantage3d.results.store import StoredFrames

__all__ = ["room", "weights"]


def run(source, weights, out, *options):
    options = "--num-points", 1000, "--least-score", 0, *options
    arguments = [source, "--weights", weights("esam"), "--out", out, *options]
    run_stream([*map(str, arguments)])


def test_tables_are_those_of_the_rooms():
    assert set(ASSOCIATIONS) == set(RULES) and "graph" in SEGMENTERS


def test_a_recording_becomes_ids_a_table_and_points(room, weights, tmp_path, capsys):
    run(room, weights, tmp_path, "--save", "ply", "--labels", room)
    folder = tmp_path / "scene0000_00"
    said = capsys.readouterr().out
    frames = StoredFrames(folder / "frames")
    ids = {int(one) for frame in frames for one in frame.instances.tracks}
    with (folder / TABLE).open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["id"]) for row in rows] == sorted(ids)
    assert f"3 of 3 frames, {len(ids)} instances" in said
    assert len(list((folder / "instances").glob("*.ply"))) == len(ids)
    answers = json.loads((tmp_path / FILE).read_text())["answers"]
    assert answers[TRUTH]["hota"] == 1 > answers[MODEL]["hota"]
    scenes = json.loads((tmp_path / scene_ap.FILE).read_text())
    assert set(scenes["answers"]) == set(scene_ap.ANSWERS) and scenes["true"] > 0


def test_what_cannot_be_is_told_first(room, weights, tmp_path):
    with pytest.raises(CommandError, match="must be at least 1, got 0"):
        run(room, weights, tmp_path, "--num-points", 0)
    with pytest.raises(CommandError, match="is the recording itself"):
        run(room, weights, room)
    with pytest.raises(CommandError, match=r"none of 3 frames .*instance/0\.png"):
        run(room, weights, tmp_path, "--labels", tmp_path)
