"""The validation windows: chosen once, the same for every model."""

import json

import numpy as np
import pytest

from tests.views.worlds import PlaneDataset
from vantage3d.views.fixed_windows import SavedSubset


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
    (tmp_path / "validation_subset.json").write_text("{")
    with pytest.raises(ValueError, match=r"validation_subset.json is damaged"):
        subset(tmp_path)


def test_random_samples_are_no_fixed_choice(tmp_path):
    with pytest.raises(ValueError, match="set test_mode=True"):
        subset(tmp_path, test_mode=False)
