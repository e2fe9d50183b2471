"""Lists that name more than lies on disk."""

import json

import pytest

from vantage3d.converters import lists
from vantage3d.converters.kitti360.convert import Options, convert
from vantage3d.converters.kitti360.raw import Kitti360Layout

SCENES = [f"scene{number:04d}_00" for number in range(100)]
TAGS = {"scannet": "scannet_frames", "scannet200_sv": "scannet200_sv"}


def test_what_is_there_is_told_in_one_sentence(monkeypatch):
    said = []
    monkeypatch.setattr(lists, "print_log", lambda text, **_: said.append(text))
    assert lists.on_disk(SCENES, reversed(SCENES), "train.txt", False) == SCENES
    assert lists.on_disk(SCENES, SCENES[:8], "train.txt", True) == SCENES[:8]
    (text,) = said
    assert text.startswith(
        "train.txt: 8 of 100 scenes are on disk; left out are scene0008_00, "
    )
    message = (
        r"train\.txt names 92 scenes that are not on disk: scene0008_00, .*\. On disk: "
        r"scene0000_00, .* what is there, 8 of 100 scenes, with --available"
    )
    with pytest.raises(ValueError, match=message):
        lists.on_disk(SCENES, SCENES[:8], "train.txt", False)
    with pytest.raises(ValueError, match=r"letter case differs: scene0000_00\)"):
        lists.on_disk(["Scene0000_00"], SCENES, "train.txt", False)
    assert lists.on_disk(SCENES, [], "none.txt", True) == []


def longer(root):
    """The lists of an export name a scene more, whose folder was never there."""
    for path in (root / "meta_data").glob("scannetv2_sv_train.txt"):
        path.write_text(path.read_text() + "scene0404_00_0\n")


def test_an_index_of_what_is_there(copied, create_data, tmp_path):
    root = copied("scannet")
    longer(root)
    with pytest.raises(SystemExit, match=r"not on disk: scene0404_00\..*--available"):
        create_data("scannet", root, tmp_path / "out")
    out = create_data("scannet", root, tmp_path / "out", "--available")
    assert not json.loads((out / "report_train.json").read_text())["skipped"]


def test_samples_of_what_is_there(copied, create_data, tmp_path):
    root = copied("scannet")
    longer(root)
    with pytest.raises(SystemExit, match=r"sv_train\.txt names 1 scenes that are not"):
        create_data("scannet200_sv", root, tmp_path / "out", "--num-points", 500)
    options = ("--num-points", 500, "--available")
    out = create_data("scannet200_sv", root, tmp_path / "out", *options)
    assert not json.loads((out / "report_train.json").read_text())["skipped"]


def test_drives_that_are_not_there(raw, tmp_path):
    folder = "data_2d_semantics/train"
    for part in ("data_2d_raw", "data_3d_raw", "data_poses", "calibration", folder):
        (tmp_path / part).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / part).symlink_to(raw / part)
    layout = Kitti360Layout(tmp_path)
    (first,) = layout.listed("train")
    listed = f"{folder}/2013_05_28_drive_train_frames.txt"
    text = (raw / listed).read_text().replace(first, "2013_05_28_drive_0042_sync")
    (tmp_path / folder).unlink()
    (tmp_path / folder).mkdir()
    (tmp_path / listed).write_text(text)
    options = Options(layout=layout, out_dir=tmp_path / "cache")
    with pytest.raises(ValueError, match=r"list of train names 1 drives .*_0042_sync"):
        convert(options, ["train"])
