"""Checkpoint content as plain data and back."""

from collections import Counter, OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer

from vantage3d.engine.checkpoints.plain import from_plain, to_plain


def through_a_file(value, path):
    torch.save(to_plain(value), path)
    return from_plain(torch.load(path, weights_only=True))


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, 2.5, None, True, "x", b"y"], "b": (1, (2, 3)), 3: "key"},
        OrderedDict(z=1, a=2),
        Counter({3: 1, 5: 2}),
        {"dtype": torch.float16, "size": torch.Size([2, 3])},
        float("-inf"),
    ],
)
def test_plain_values_come_back_equal(tmp_path, value):
    back = through_a_file(value, tmp_path / "a.pth")
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    "array",
    [
        np.eye(3),
        np.arange(6, dtype=np.uint32).reshape(2, 3),
        np.array(3.5),
        np.array([True, False]),
        np.array(["wall", "floor"]),
        np.zeros((0, 4), np.int16),
    ],
)
def test_arrays_come_back(tmp_path, array):
    back = through_a_file({"array": array}, tmp_path / "a.pth")["array"]
    assert back.shape == array.shape
    assert back.dtype == array.dtype
    assert np.array_equal(back, array)


def test_history_comes_back(tmp_path):
    history = HistoryBuffer([1.0, 2.0, 4.0], [1, 1, 2], max_length=7)
    back = through_a_file([history], tmp_path / "a.pth")[0]
    assert isinstance(back, HistoryBuffer)
    assert back.max_length == 7
    assert all(np.array_equal(a, b) for a, b in zip(back.data, history.data))
    assert back.mean() == history.mean()


def test_foreign_containers_become_plain(tmp_path):
    value = {"cfg": ConfigDict(a=1), "path": Path("x/y"), "score": np.float32(0.5)}
    back = through_a_file(value, tmp_path / "a.pth")
    assert back == {"cfg": {"a": 1}, "path": "x/y", "score": 0.5}


def test_state_dict_versions_survive(tmp_path):
    state = torch.nn.BatchNorm1d(2).state_dict()
    back = through_a_file({"state_dict": state}, tmp_path / "a.pth")["state_dict"]
    assert back._metadata[""]["version"] == 2


def test_objects_are_refused_by_place():
    with pytest.raises(TypeError, match=r"`hub\.a\.b` is a builtins\.object"):
        to_plain({"a": {"b": object()}}, "hub")
    with pytest.raises(TypeError, match=r"`hub\.a` is an array of object"):
        to_plain({"a": np.array([None])}, "hub")
