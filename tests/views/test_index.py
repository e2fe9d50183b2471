"""The frame index, the choice of its names, and limits of depth."""

import numpy as np
import pytest

from vantage3d.converters.scannet import ScanNetSource, check_splits, is_test_scene
from vantage3d.recordings.layouts.scannet import ScanNet
from vantage3d.views.index import (
    Facts,
    FrameIndex,
    IndexedFrame,
    matching_names,
    split_scenes,
)
from vantage3d.views.reading import limit_depth

SCENES = ["a1", "a2", "b1", "c1"]


def entry(number, name="a"):
    rng = np.random.default_rng(number)
    K, pose = rng.random((3, 3)), rng.random((4, 4))
    return IndexedFrame(
        number, f"{name}/\u00e4{number}.jpg", f"{name}/{number}.png", K, pose
    )


@pytest.fixture
def index():
    frames = {"a/b": [entry(2), entry(5), entry(7)], "c": [entry(1, "c")]}
    return FrameIndex.build(Facts("integer", "../raw", 1000.0, "key"), frames)


def same(first, second):
    names = first[:3] == second[:3] and first.semantics == second.semantics
    return names and all((a == b).all() for a, b in zip(first[3:5], second[3:5]))


def test_frames_come_back_by_number(index, tmp_path):
    index.save(tmp_path / "train.npz")
    found = FrameIndex.load(tmp_path / "train.npz")
    assert found.facts == index.facts
    assert found.sequences == ("a/b", "c")
    assert same(found.frame("a/b", 5), entry(5))
    assert same(found.frame("c", 1), entry(1, "c"))
    assert [frame.number for frame in found.frames("a/b")] == [2, 5, 7]
    for number in (1, 6, 8):
        with pytest.raises(KeyError, match=f"a/b/{number}"):
            found.frame("a/b", number)


def test_equal_content_equal_bytes(index, tmp_path):
    index.save(tmp_path / "1.npz")
    FrameIndex.load(tmp_path / "1.npz").save(tmp_path / "2.npz")
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()


def test_another_format_is_refused(index, tmp_path, monkeypatch):
    index.save(tmp_path / "train.npz")
    monkeypatch.setattr("vantage3d.views.index.FORMAT", 9)
    with pytest.raises(ValueError, match=r"train\.npz is of an older format"):
        FrameIndex.load(tmp_path / "train.npz")


def test_depth_limits():
    depth = np.array([[0, 0.05, 1, 2, 3, 4, 50, 200, 5, 6]], np.float32)
    limited = limit_depth(depth, 0.1, 80)
    assert limited.tolist() == [[0, 0, 1, 2, 3, 4, 50, 0, 5, 6]]
    # Ten pixels, missing ones included: the 80th percentile lies between 6 and 50.
    assert limit_depth(depth, percentile=80).max() == 6
    assert (limit_depth(depth) == depth).all()


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
    source = ScanNetSource(ScanNet(tmp_path))
    rest = ["scene0000_00", "scene0706_02"]
    assert source.splits() == {"train": rest, "test": ["scene0707_00"]}
    held = ScanNetSource(ScanNet(tmp_path), ("scene0706*",)).splits()
    assert held == {"train": rest[:1], "val": rest[1:], "test": ["scene0707_00"]}
    with pytest.raises(ValueError, match="--val-scenes 'scene0707_00' matches none"):
        ScanNetSource(ScanNet(tmp_path), ("scene0707_00",)).splits()


def test_a_listed_scene_without_frames_is_refused(tmp_path):
    source = ScanNetSource(ScanNet(make(tmp_path, "scene0000_00")))
    with pytest.raises(FileNotFoundError, match="scene0000_00 holds no frames with"):
        source.frames("scene0000_00")


@pytest.mark.parametrize("split", ["train", "val"])
def test_lists_with_test_scenes_are_refused(tmp_path, split):
    """The published course project trained on scene0707..0716."""
    path = tmp_path / "list.txt"
    path.write_text("scene0000_00\nscene0707_00\nscene0716_00")
    message = f"the {split} split has 2 scenes of ScanNet's test set .* scene0707_00"
    with pytest.raises(ValueError, match=message):
        ScanNetSource(ScanNet(tmp_path), lists={split: path}).splits()
    check_splits({"test": ["scene0707_00"], "train": ["scene0000_00"]})
