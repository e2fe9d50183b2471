"""``run-stream`` as a user calls it."""

import csv
import json
from functools import partial

import pytest

from tests.inference.conftest import room, weights
from vantage3d.cli.predict import SEGMENTERS
from vantage3d.cli.stream import ASSOCIATIONS, TABLE, run_stream
from vantage3d.esam.evaluation import scene_ap
from vantage3d.esam.evaluation.scene_ap import MODEL
from vantage3d.esam.evaluation.stream import FILE, TRUTH
from vantage3d.esam.online.association import RULES
from vantage3d.inference import live
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


class Standing:
    """A clock that only sleep moves."""

    now = 0.0

    def sleep(self, seconds):
        self.now += seconds


def test_a_folder_is_followed_and_real_time_is_kept(
    room, weights, tmp_path, capsys, monkeypatch
):
    own = Standing()
    time = {"clock": lambda: own.now, "sleep": own.sleep}
    monkeypatch.setattr(live, "Followed", partial(live.Followed, **time))
    monkeypatch.setattr(live, "Paced", partial(live.Paced, **time))
    run(room, weights, tmp_path / "a", "--save", "npz", "--follow", 3)
    assert own.now > 3
    run(room, weights, tmp_path / "b", "--save", "npz", "--realtime", 2)
    first, second = capsys.readouterr().out.splitlines()
    assert "3 of 3 frames, " in first
    assert "3 of 3 frames, 0 dropped to keep real time, " in second
    tables = [tmp_path / one / "scene0000_00" / TABLE for one in "ab"]
    assert tables[0].read_bytes() == tables[1].read_bytes()


def test_ctrl_c_ends_what_is_followed(room, weights, tmp_path, capsys, monkeypatch):
    def sleep(seconds):
        own.sleep(seconds)
        if own.now > 2:
            raise KeyboardInterrupt

    own = Standing()
    time = {"clock": lambda: own.now, "sleep": sleep}
    monkeypatch.setattr(live, "Followed", partial(live.Followed, **time))
    run(room, weights, tmp_path, "--save", "npz", "--follow", 50)
    assert "3 of 3 frames, " in capsys.readouterr().out
    assert (tmp_path / "scene0000_00" / TABLE).is_file()


def test_a_camera_is_a_source(weights, tmp_path):
    with pytest.raises(CommandError, match="pip install pyrealsense2"):
        run("realsense", weights, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--follow", "--realtime"], "--realtime is for recordings that are finished"),
        (["--follow", "--labels", "x"], "--labels is for recordings"),
        (["--follow", 0.5], r"--follow must be at least 1, got 0\.5"),
        (["--realtime", -3], r"--realtime must be at least 0, got -3"),
        (["--clip-weights", "x"], "--clip-weights is of --text-features"),
    ],
)
def test_options_that_do_not_go_together(room, weights, tmp_path, options, message):
    with pytest.raises(CommandError, match=message):
        run(room, weights, tmp_path, *options)


def test_what_cannot_be_is_told_first(room, weights, tmp_path):
    with pytest.raises(CommandError, match="must be at least 1, got 0"):
        run(room, weights, tmp_path, "--num-points", 0)
    with pytest.raises(CommandError, match="is the recording itself"):
        run(room, weights, room)
    with pytest.raises(CommandError, match=r"none of 3 frames .*instance/0\.png"):
        run(room, weights, tmp_path, "--labels", tmp_path)
