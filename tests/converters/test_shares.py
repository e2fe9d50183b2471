"""Processes that share a folder, and a merge with the bytes of one process."""

import pytest

from tools.create_data import main
from vantage3d.process.command import CommandError

SAMPLES = (
    "scannet200_sv",
    "scannet",
    ("--num-points", "500", "--frame-interval", "20"),
)
INDEX = ("recording", "rgbd_folder", ("--val-scenes", "scene0001_00"))


def content(folder):
    """Every file but the converter's own state."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".create_data" not in path.parts
    }


@pytest.mark.parametrize(("dataset", "layout", "options"), [SAMPLES, INDEX])
def test_shares_merge_to_the_bytes_of_one_process(
    filmed, tmp_path, dataset, layout, options
):
    def convert(out, *share):
        folders = ["--root-path", str(filmed(layout)), "--out-dir", str(tmp_path / out)]
        main([dataset, *folders, *options, *share])
        return content(tmp_path / out)

    def done():
        return list((tmp_path / "parts" / ".create_data").glob("*/done/*.json"))

    whole = convert("whole")
    counts = []
    for rank in (1, 0):
        found = convert("parts", "--rank", str(rank), "--world-size", "2")
        assert not any(name.endswith((".npz", "train.json")) for name in found)
        counts.append(len(done()))
    assert 0 < counts[0] < counts[1]
    times = {path: path.stat().st_mtime_ns for path in done()}
    assert convert("parts") == whole
    assert {path: path.stat().st_mtime_ns for path in done()} == times  # none twice


def test_shares_of_sens_files_export_and_merge_to_the_bytes_of_one(filmed, tmp_path):
    out = tmp_path / "out"
    folders = ["--root-path", str(filmed("scannet_sens")), "--out-dir", str(out)]
    main(["scannet", *folders])
    whole = content(out)
    out.rename(tmp_path / "whole")
    for rank in (1, 0):
        main(["scannet", *folders, "--rank", str(rank), "--world-size", "2"])
        assert len(list((out / "scans").iterdir())) == 2 - rank
        assert not list(out.glob("*.npz"))
    main(["scannet", *folders])
    assert content(out) == whole


def test_a_share_cannot_overwrite(filmed, tmp_path, capsys):
    folders = ["--root-path", str(filmed("rgbd_folder")), "--out-dir", str(tmp_path)]
    share = ["--rank", "0", "--world-size", "2", "--overwrite"]
    with pytest.raises(CommandError, match="--overwrite with 2 processes could delete"):
        main(["recording", *folders, *share])
    assert not list(tmp_path.iterdir())
