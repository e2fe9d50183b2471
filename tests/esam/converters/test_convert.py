"""Conversions are reproducible, resumable, and name every frame they skip."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from tests.shared import ROOT
from vantage3d.converters.runs import run_chunks
from vantage3d.esam.converters.samples import SampleName, choose, sample_generator
from vantage3d.io.infos import load_info

SMALL = ("--num-points", 500)
FIRST = "scene0000_00_0"


def report(out, split="train"):
    return json.loads((out / f"report_{split}.json").read_text())


@pytest.mark.bitwise
def test_equal_bytes_for_any_worker_count_and_another_seed_differs(
    scannet, create_data, tmp_path, hashes
):
    one, two, other = (tmp_path / name for name in ("one", "two", "other"))
    create_data("scannet200_sv", scannet, one, *SMALL)
    create_data("scannet200_sv", scannet, two, *SMALL, "--workers", 2)
    create_data("scannet200_sv", scannet, other, *SMALL, "--seed", 1)
    assert hashes(one) == hashes(two)
    point_file = f"points/{FIRST}.bin"
    assert hashes(one)[point_file] != hashes(other)[point_file]


def test_killed_in_the_middle_and_resumed(scannet, create_data, tmp_path, hashes):
    """kill -9 after the first finished samples, with two workers."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    create_data("scannet200_sv", scannet, whole, *SMALL)
    command = [sys.executable, "tools/create_data.py", "scannet200_sv"]
    command += ["--root-path", scannet, "--out-dir", broken, "--workers", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "projects")}
    process = subprocess.Popen(
        [*map(str, command), *map(str, SMALL)], cwd=ROOT, env=environment
    )
    done = broken / ".create_data" / "scannet200_sv" / "done"
    deadline = time.monotonic() + 60
    while not list(done.glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.005)
    workers = children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert list(done.glob("*.json"))
    while any(alive(pid) for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in workers)
    assert not list(broken.glob("*infos*"))
    leftover = broken / "points" / f".{FIRST}.bin.123.part"
    leftover.write_bytes(b"half")
    finished = {path: path.stat().st_mtime_ns for path in done.glob("*.json")}
    create_data("scannet200_sv", scannet, broken, *SMALL)
    assert hashes(whole) == hashes(broken)
    assert {path: path.stat().st_mtime_ns for path in finished} == finished


def children(pid: int) -> list[int]:
    """Process ids below ``pid``."""
    found = []
    for path in os.listdir("/proc"):
        try:
            with open(f"/proc/{path}/stat") as file:
                if int(file.read().rsplit(")", 1)[1].split()[1]) == pid:
                    found += [int(path), *children(int(path))]
        except (OSError, ValueError):
            continue
    return found


def alive(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_finished_samples_are_kept_and_missing_files_made_again(
    scannet, create_data, tmp_path, hashes
):
    out = tmp_path / "out"
    create_data("scannet200_sv", scannet, out, *SMALL)
    before = hashes(out)
    times = {p: p.stat().st_mtime_ns for p in (out / "points").iterdir()}
    lost = out / "points" / f"{FIRST}.bin"
    lost.write_bytes(lost.read_bytes()[:-4])
    create_data("scannet200_sv", scannet, out, *SMALL)
    assert hashes(out) == before
    remade = [p for p in times if p.stat().st_mtime_ns != times[p]]
    assert remade == [lost]


def test_changed_options_are_named(scannet, create_data, tmp_path, hashes):
    out = tmp_path / "out"
    create_data("scannet200_sv", scannet, out, *SMALL)
    before = hashes(out)
    changed = ("--num-points", 400, "--seed", 7)
    message = r"--num-points was 500 and is now 400; --seed was 0 and is now 7"
    with pytest.raises(SystemExit, match=message):
        create_data("scannet200_sv", scannet, out, *changed)
    assert hashes(out) == before
    create_data("scannet200_sv", scannet, out, *changed, "--overwrite")
    assert (
        load_info(out / "scannet200_sv_oneformer3d_infos_val.json")["data_list"][0][
            "num_points"
        ]
        == 400
    )


def nan_pose(folder):
    np.savetxt(folder / "pose" / "0.txt", np.full((4, 4), np.nan))


def short_pose(folder):
    (folder / "pose" / "0.txt").write_text("1 0 0\n")


def word_pose(folder):
    (folder / "pose" / "0.txt").write_text("one two\n")


def sheared_pose(folder):
    np.savetxt(folder / "pose" / "0.txt", np.eye(4) * 2)


def small_pose(folder):
    np.savetxt(folder / "pose" / "0.txt", np.eye(3))


def transposed_pose(folder):
    path = folder / "pose" / "0.txt"
    np.savetxt(path, np.loadtxt(path).T)


def inverted_pose(folder):
    path = folder / "pose" / "0.txt"
    np.savetxt(path, np.linalg.inv(np.loadtxt(path)))


def no_pose(folder):
    (folder / "pose" / "0.txt").unlink()


def no_depth(folder):
    (folder / "depth" / "0.png").unlink()


def empty_depth(folder):
    Image.fromarray(np.zeros((120, 160), np.uint16)).save(folder / "depth" / "0.png")


def cut_color(folder):
    path = folder / "color" / "0.jpg"
    path.write_bytes(path.read_bytes()[:2000])


def cut_depth(folder):
    path = folder / "depth" / "0.png"
    path.write_bytes(path.read_bytes()[:2000])


def square_color(folder):
    path = folder / "color" / "0.jpg"
    Image.open(path).resize((120, 120)).save(path)


BAD = [
    (nan_pose, r"pose .*0\.txt contains nan: the tracking was lost"),
    (short_pose, r"pose .*0\.txt has 3 numbers, expected 16 .* or 12"),
    (word_pose, r"pose .*0\.txt is no matrix of numbers: .*'one'"),
    (sheared_pose, r"pose .*0\.txt is not rigid: .* by 3 and det R = 8"),
    (small_pose, r"pose .*0\.txt has 9 numbers, expected 16"),
    (
        transposed_pose,
        r"pose .*0\.txt ends in the row \[.*\], expected 0 0 0 1.*transp",
    ),
    (inverted_pose, r"only \d+\.\d % of the points .* world-to-camera"),
    (no_pose, r"pose has no file for frame '0'"),
    (no_depth, r"depth has no file for frame '0'"),
    (empty_depth, r"depth map .*0\.png has no valid pixel of 19200"),
    (cut_color, r"colour image .*0\.jpg is truncated"),
    (cut_depth, r"depth (image|file) .*0\.png is truncated"),
    (square_color, r"colour .*0\.jpg is 120x120 and the depth map 160x120"),
]


@pytest.mark.parametrize(
    ("damage", "reason"), BAD, ids=lambda x: getattr(x, "__name__", "")
)
def test_a_bad_frame_is_skipped_counted_and_named(
    scannet, create_data, tmp_path, damage, reason
):
    meta = scannet / "meta_data"
    (meta / "scannetv2_sv_train.txt").write_text(f"{FIRST}\nscene0000_00_20\n")
    (meta / "scannetv2_sv_val.txt").write_text("scene0002_00_0\n")
    damage(scannet / "2D" / "scene0000_00")
    out = tmp_path / "out"
    options = (*SMALL, "--max-skipped", 0.5)
    create_data("scannet200_sv", scannet, out, *options)
    skipped = report(out)["skipped"]
    assert [s["sample_idx"] for s in skipped] == [FIRST]
    assert re.search(reason, skipped[0]["reason"])
    assert (report(out)["samples"], report(out)["written"]) == (2, 1)
    assert report(out, "val")["skipped"] == []
    info = load_info(out / "scannet200_sv_oneformer3d_infos_train.json")
    assert [e["sample_idx"] for e in info["data_list"]] == ["scene0000_00_20"]
    assert not (out / "points" / f"{FIRST}.bin").exists()


def test_more_bad_frames_than_allowed(scannet, create_data, tmp_path):
    nan_pose(scannet / "2D" / "scene0000_00")
    out = tmp_path / "out"
    message = (
        r"1 of 6 frames \(16\.7 %\) are bad, allowed are 5 % .*First: scene0000_00_0: "
        r"pose .* contains nan.*report_train\.json"
    )
    with pytest.raises(SystemExit, match=message):
        create_data("scannet200_sv", scannet, out, *SMALL)
    assert report(out)["skipped"][0]["sample_idx"] == FIRST
    assert not list(out.glob("*infos*"))


def test_all_reports_are_written_before_an_error(scannet, create_data, tmp_path):
    nan_pose(scannet / "2D" / "scene0000_00")
    with pytest.raises(SystemExit, match="1 of 6 frames"):
        create_data("scannet200_sv", scannet, tmp_path / "out", *SMALL)
    assert report(tmp_path / "out", "val")["written"] == 3


def test_a_split_of_bad_frames_only_is_an_error(scannet, create_data, tmp_path):
    meta = scannet / "meta_data"
    (meta / "scannetv2_sv_train.txt").write_text(f"{FIRST}\n")
    nan_pose(scannet / "2D" / "scene0000_00")
    options = (*SMALL, "--max-skipped", 1)
    with pytest.raises(SystemExit, match=r"1 of 1 frames \(100\.0 %\) are bad"):
        create_data("scannet200_sv", scannet, tmp_path / "out", *options)


def test_a_listed_frame_that_was_never_exported(scannet, create_data, tmp_path):
    path = scannet / "meta_data" / "scannetv2_sv_train.txt"
    path.write_text(path.read_text() + "\nscene0000_00_800\n")
    create_data("scannet200_sv", scannet, tmp_path / "o", *SMALL, "--max-skipped", 0.2)
    (skipped,) = report(tmp_path / "o")["skipped"]
    assert skipped["sample_idx"] == "scene0000_00_800"
    assert "has no file for frame '800'" in skipped["reason"]


def test_a_folder_that_cannot_be_written(scannet, create_data, tmp_path):
    (tmp_path / "out").write_text("no folder")
    with pytest.raises(SystemExit, match=r"--out-dir .*out is a file"):
        create_data("scannet200_sv", scannet, tmp_path / "out", *SMALL)


def die(name):
    os._exit(9)


def test_a_worker_that_dies():
    chunks = [[SampleName("a", "0")], [SampleName("b", "0")]]
    with pytest.raises(RuntimeError, match="one of 2 worker processes died"):
        list(run_chunks(die, chunks, 2, "vantage3d.converters.runs"))


def test_missing_root(create_data, tmp_path):
    with pytest.raises(SystemExit, match=r"--root-path .*gone is missing"):
        create_data("scannet200_sv", tmp_path / "gone", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_frames(scannet, create_data, tmp_path):
    for split in ("train", "val"):
        (scannet / "meta_data" / f"scannetv2_sv_{split}.txt").write_text("")
    with pytest.raises(SystemExit, match="nothing found: 0 in train and 0 in val"):
        create_data("scannet200_sv", scannet, tmp_path / "out")


def test_one_split_alone(scannet, create_data, tmp_path):
    (scannet / "meta_data" / "scannetv2_sv_train.txt").write_text("")
    create_data("scannet200_sv", scannet, tmp_path / "out", *SMALL)
    assert [p.name for p in (tmp_path / "out").glob("*infos*")] == [
        "scannet200_sv_oneformer3d_infos_val.json"
    ]


def test_a_frame_in_both_splits(scannet, create_data, tmp_path):
    path = scannet / "meta_data" / "scannetv2_sv_val.txt"
    path.write_text(path.read_text() + f"\n{FIRST}\n")
    with pytest.raises(
        SystemExit, match=f"1 samples are in train and .* first {FIRST}"
    ):
        create_data("scannet200_sv", scannet, tmp_path / "out")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--workers", 0), ("--num-points", 0), ("--frame-interval", 0)],
)
def test_options_out_of_range(scannet, create_data, tmp_path, option, value):
    with pytest.raises(SystemExit, match=f"{option} must be at least 1, got {value}"):
        create_data("scannet200_sv", scannet, tmp_path / "out", option, value)


def test_max_skipped_is_a_share(scannet, create_data, tmp_path):
    with pytest.raises(SystemExit, match=r"--max-skipped is a share .* got 5\.0"):
        create_data("scannet200_sv", scannet, tmp_path / "out", "--max-skipped", 5)


def test_options_belong_to_their_converter(scannet, create_data, tmp_path, capsys):
    with pytest.raises(SystemExit):
        create_data("scannet200_sv", scannet, tmp_path / "out", "--depth-scale", 5000)
    assert "unrecognized arguments: --depth-scale 5000" in capsys.readouterr().err


def test_more_points_wanted_than_pixels(scannet, create_data, tmp_path):
    out = tmp_path / "out"
    create_data("scannet200_sv", scannet, out, "--num-points", 25000)
    pixels = np.fromfile(out / "pixels" / f"{FIRST}.bin", "<i4").reshape(-1, 2)
    assert len(pixels) == 25000
    depth = np.asarray(Image.open(scannet / "2D/scene0000_00/depth/0.png"))
    assert len(np.unique(pixels, axis=0)) == (depth > 0).sum()


def test_choice_depends_on_seed_and_name_only():
    a = choose(1000, 10, sample_generator(0, "a"))
    np.testing.assert_array_equal(a, choose(1000, 10, sample_generator(0, "a")))
    assert (a != choose(1000, 10, sample_generator(0, "b"))).any()
    assert (a != choose(1000, 10, sample_generator(1, "a"))).any()
    assert sorted(choose(10, 10, sample_generator(0, "a"))) == list(range(10))
    assert set(choose(3, 10, sample_generator(0, "a"))) == {0, 1, 2}
