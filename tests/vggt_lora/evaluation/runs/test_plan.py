"""The choice of windows: fixed by its seed, by bucket, saved."""

import json
from dataclasses import replace

import pytest

from tests.views.worlds import PlaneDataset, frame
from vantage3d.evaluation.results.windows import WindowRules, load_windows
from vantage3d.vggt_lora.evaluation.runs.plan import (
    check_windows,
    choose_windows,
    index_hash,
)
from vantage3d.views.index import FrameIndex
from vantage3d.views.kitti360 import KITTI360Dataset

RULES = WindowRules("val", 2, 1)


class Labelled(PlaneDataset):
    """30 frames in one bucket each: 12 rich, 12 mixed, 6 road."""

    numbers = {"a": range(30)}

    def read_frame(self, sequence, number):
        return frame(number)

    def building_ratio(self, sequence, number):
        return 0.5 if number < 12 else 0.2 if number < 24 else 0.0


def dataset(kind=Labelled, split="val", frames=2, stride=1):
    return kind(
        "data/planes",
        split,
        frames=frames,
        stride=stride,
        image_size=56,
        aspect=0.5,
        test_mode=True,
    )


def buckets(rules):
    return choose_windows(dataset(), rules).chosen


def test_all_windows_if_nobody_says_how_many():
    choice = choose_windows(dataset(), RULES)
    assert [window.frames for window in choice.windows] == [
        (i, i + 1) for i in range(29)
    ]
    assert len({window.id for window in choice.windows}) == 29


def test_the_bucket_is_that_of_the_frame_in_the_middle():
    choice = choose_windows(dataset(), RULES)
    assert [w.bucket for w in choice.windows[10:12]] == ["rich", "mixed"]
    assert choice.available == {"rich": 11, "mixed": 12, "road": 6}


def test_shares_of_the_recipe():
    rules = replace(RULES, max_seqs=10, stratified=True)
    assert buckets(rules) == {"rich": 5, "mixed": 3, "road": 2}
    # int(0.5 N), int(0.3 N) and the rest, as the recipe says
    assert buckets(replace(rules, max_seqs=9)) == {"rich": 4, "mixed": 2, "road": 3}


def test_others_give_what_a_bucket_lacks():
    rules = replace(RULES, max_seqs=28, stratified=True)
    found = buckets(rules)
    assert sum(found.values()) == 28 and found["road"] == 6 and found["rich"] == 11


@pytest.mark.parametrize("stratified", [False, True])
def test_the_seed_decides(stratified):
    rules = replace(RULES, max_seqs=8, stratified=stratified)
    first, again = (choose_windows(dataset(), rules) for _ in range(2))
    assert first.windows == again.windows and first.hash == again.hash
    other = choose_windows(dataset(), replace(rules, seed=1))
    assert other.windows != first.windows and other.hash != first.hash
    order = [window.frames for window in first.windows]
    assert order == sorted(order) and len(set(order)) == 8


def test_a_saved_choice_is_the_choice(tmp_path):
    choice = choose_windows(dataset(), replace(RULES, max_seqs=8, stratified=True))
    choice.save(tmp_path / "windows.json")
    loaded = load_windows(tmp_path / "windows.json")
    assert loaded == choice and loaded.hash == choice.hash
    indices = check_windows(loaded, dataset(), tmp_path)
    assert [dataset()[i]["ids"].tolist() for i in indices] == [
        list(window.frames) for window in choice.windows
    ]


def test_the_hash_knows_the_cameras_of_the_frames(cache, tmp_path):
    """Two streets with the same names and numbers are not the same data."""
    options = dict(split="val", frames=3, image_size=168, aspect=0.34, test_mode=True)
    before = index_hash(KITTI360Dataset(str(cache), **options))
    index = FrameIndex.load(cache / "val.npz")
    index.world2cam[3, 1, 3] += 1e-3
    index.save(tmp_path / "val.npz")
    assert index_hash(KITTI360Dataset(str(tmp_path), **options)) != before


def test_a_damaged_file_is_refused(tmp_path):
    file = tmp_path / "windows.json"
    file.write_text("{")
    with pytest.raises(ValueError, match=r"windows.json is truncated or no JSON"):
        load_windows(file)
    choose_windows(dataset(), RULES).save(file)
    content = json.loads(file.read_text())
    del content["crc32"]
    file.write_text(json.dumps({**content, "windows": []}))
    with pytest.raises(ValueError, match="names no window"):
        load_windows(file)


def test_another_split_is_refused(tmp_path):
    choice = choose_windows(dataset(), RULES)
    with pytest.raises(ValueError, match=r"split 'val' of planes .* 'train'"):
        check_windows(choice, dataset(split="train"), tmp_path)
