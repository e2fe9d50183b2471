"""Splits by name, and ScanNet's test scenes."""

import pytest

from vantage3d.converters.scannet import ScanNetSource, check_splits, is_test_scene
from vantage3d.views.names import matching_names, split_scenes

SCENES = ["a1", "a2", "b1", "c1"]


def test_every_scene_is_in_one_split():
    chosen = {"train": ["a*"], "val": ["b1"]}
    splits = split_scenes(SCENES, chosen, "test")
    assert splits == {"test": ["c1"], "train": ["a1", "a2"], "val": ["b1"]}
    with pytest.raises(ValueError, match=r"--val-scenes 'd\*' matches none of the 4"):
        split_scenes(SCENES, {"val": ["d*"]})


def test_names_keep_their_order():
    assert matching_names("scenes", SCENES, None) == SCENES
    assert matching_names("scenes", SCENES, ["c1", "a*"]) == ["a1", "a2", "c1"]
    with pytest.raises(ValueError, match="`scenes` has 'a3', which matches none of"):
        matching_names("scenes", SCENES, ["a3"])


def test_official_test_scenes_by_number():
    """100 scans: every one of the test set has the number 00."""
    tests = [n for n in range(1000) if is_test_scene(f"scene{n:04d}_00")]
    assert tests == list(range(707, 807))
    assert not is_test_scene("kitchen_0707_00")


def make(root, *scenes):
    for scene in scenes:
        (root / scene / "pose").mkdir(parents=True)
    return root


def test_scenes_without_lists_are_split_by_number(tmp_path):
    make(tmp_path / "scans", "scene0000_00", "scene0706_02")
    make(tmp_path / "scans_test", "scene0707_00")
    source = ScanNetSource(tmp_path)
    rest = ["scene0000_00", "scene0706_02"]
    assert source.splits() == {"train": rest, "test": ["scene0707_00"]}
    held = ScanNetSource(tmp_path, ("scene0706*",)).splits()
    assert held == {"train": rest[:1], "val": rest[1:], "test": ["scene0707_00"]}
    with pytest.raises(ValueError, match="--val-scenes 'scene0707_00' matches none"):
        ScanNetSource(tmp_path, ("scene0707_00",)).splits()


def test_a_listed_scene_without_frames_is_refused(tmp_path):
    source = ScanNetSource(make(tmp_path, "scene0000_00"))
    with pytest.raises(FileNotFoundError, match="scene0000_00 holds no frames with"):
        source.frames("scene0000_00")


@pytest.mark.parametrize("split", ["train", "val"])
def test_lists_with_test_scenes_are_refused(tmp_path, split):
    """The published course project trained on scene0707..0716."""
    path = tmp_path / "list.txt"
    path.write_text("scene0000_00\nscene0707_00\nscene0716_00")
    message = f"the {split} split has 2 scenes of ScanNet's test set .* scene0707_00"
    with pytest.raises(ValueError, match=message):
        ScanNetSource(tmp_path, lists={split: path}).splits()
    check_splits({"test": ["scene0707_00"], "train": ["scene0000_00"]})
