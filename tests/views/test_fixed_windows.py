"""The validation windows, chosen once; and windows with exact depth."""

import json

import numpy as np
import pytest
import torch

from tests.drives import VIEW
from tests.views.worlds import PlaneDataset
from vantage3d.registry import DATASETS
from vantage3d.views.fixed_windows import ExactViews, SavedSubset, median_map


class Planes(PlaneDataset):
    numbers = {"a": range(7), "b": range(20, 29)}


def dataset(folder, **options):
    arguments = dict(frames=2, image_size=56, aspect=0.5, test_mode=True, stride=1)
    return Planes(str(folder), **{**arguments, **options})


def subset(folder, windows=4, **options):
    return SavedSubset(dataset(folder, **options), windows)


def chosen(data):
    return [
        (s["sequence"], s["ids"].tolist()) for s in (data[i] for i in range(len(data)))
    ]


def test_the_choice_is_spread_and_saved(tmp_path):
    first = subset(tmp_path)
    entries = json.loads((tmp_path / "validation_subset.json").read_text())["windows"]
    assert [(entry["sequence"], entry["ids"]) for entry in entries] == chosen(first)
    assert {name for name, _ in chosen(first)} == {"a", "b"}
    assert len({tuple(ids) for _, ids in chosen(first)}) == len(first) == 4


def test_later_runs_read_the_choice(tmp_path):
    """Also when there is more data by now, and whatever the file's order."""
    first = chosen(subset(tmp_path))
    file = tmp_path / "validation_subset.json"
    content = json.loads(file.read_text())
    content["windows"].reverse()
    del content["crc32"]
    file.write_text(json.dumps(content))
    more = dataset(tmp_path)
    more.data_list = np.concatenate([more.data_list[-1:], more.data_list])
    assert chosen(SavedSubset(more, 4)) == first[::-1]


def test_all_windows_if_there_are_no_more(tmp_path):
    data = dataset(tmp_path)
    assert len(SavedSubset(data, 1000)) == len(data)


def test_another_number_of_frames_is_refused(tmp_path):
    subset(tmp_path)
    with pytest.raises(
        ValueError, match=r"names frames \[\d+, \d+\] of a, .* no window"
    ):
        subset(tmp_path, frames=3)


def test_another_number_of_windows_is_refused(tmp_path):
    subset(tmp_path)
    with pytest.raises(ValueError, match=r"names 4 windows, `windows` asks for 5"):
        subset(tmp_path, 5)


def test_a_damaged_file_is_refused(tmp_path):
    subset(tmp_path)
    file = tmp_path / "validation_subset.json"
    text = file.read_text()
    file.write_text("{")
    with pytest.raises(ValueError, match=r"validation_subset.json is truncated"):
        subset(tmp_path)
    file.write_text(text.replace('"ids"', '"ids" '))
    with pytest.raises(ValueError, match=r"validation_subset.json is damaged, or was"):
        subset(tmp_path)


def test_random_samples_are_no_fixed_choice(tmp_path):
    with pytest.raises(ValueError, match="set test_mode=True"):
        subset(tmp_path, test_mode=False)


def config(cache, **options):
    size = dict(image_size=VIEW[1], aspect=VIEW[0] / VIEW[1], frames=2)
    path = dict(type="KITTI360Dataset", data_root=str(cache), split="val")
    return {**path, **size, "test_mode": True, **options}


def test_both_depths_are_of_the_same_window(cache):
    views = ExactViews(config(cache))
    plain = DATASETS.build(config(cache))
    assert len(views) == len(plain) == 3
    sample = views[1]
    assert torch.equal(sample["images"], plain[1]["images"])
    assert torch.equal(sample["depth"], plain[1]["depth"])
    both = sample["valid"] & (sample["exact_depths"] > 0)
    error = (sample["exact_depths"] - sample["depth"])[both] / sample["depth"][both]
    assert error.abs().median() < 0.02  # a pixel's nearest point and its centre
    assert (sample["exact_depths"] > 0).sum() > 1.2 * sample["valid"].sum()


def test_the_guess_knows_the_training_drives_only(cache):
    views = ExactViews(config(cache))
    train = DATASETS.build(
        config(cache, split="train", depth="exact", frames=1, test_mode=False)
    )
    assert not set(train.sequences) & set(views.dataset.sequences)
    depths = np.stack([train[i]["depth"][0].numpy() for i in range(len(train))])
    row, column = VIEW[0] - 5, VIEW[1] // 2  # road in every frame
    guess = views[0]["typical_depths"]
    assert guess.shape == views[0]["exact_depths"].shape
    assert guess[0, row, column] == np.median(depths[:, row, column])
    assert torch.equal(guess[0], guess[1])


def test_median_of_what_is_known():
    depths = np.array([[[2.0, 0, 0]], [[4, 7, 0]], [[9, 0, 0]]], np.float32)
    assert median_map(depths).tolist() == [[4, 7, 7]]
    with pytest.raises(ValueError, match="no known pixel in 3 maps"):
        median_map(0 * depths)


def test_random_samples_have_no_fixed_windows(cache):
    with pytest.raises(ValueError, match=r"got test_mode=False: set test_mode=True"):
        ExactViews(config(cache, test_mode=False))
