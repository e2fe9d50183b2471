import numpy as np
import pytest

from vantage3d.views.index import Facts, FrameIndex, IndexedFrame
from vantage3d.views.reading import limit_depth


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
