"""Frames on disk are what they were."""

from dataclasses import fields

import numpy as np
import pytest

from vantage3d.results.prediction import FramePrediction, Instances, ScenePrediction
from vantage3d.results.store import StoredFrames, read_frame, write_frame

K = np.array([[20.0, 0, 7.5], [0, 20, 5.5], [0, 0, 1]])


def frame(name="a", **changes):
    rng = np.random.default_rng(0)
    masks = np.zeros((2, 6, 8), bool)
    masks[0, :3], masks[1, 2:] = True, True
    values = {
        "color": rng.integers(0, 255, (12, 16, 3), dtype=np.uint8),
        "K": K,
        "depth": rng.random((6, 8), np.float32),
        "confidence": np.ones((6, 8), np.float32),
        "cam2world": np.eye(4),
        "timestamp": 1.5,
        "instances": Instances(
            masks, np.array([0.4, 0.9], np.float32), np.array([0, 0]), ("object",)
        ),
        "metric": False,
    }
    return FramePrediction(name, **{**values, **changes})


def same(one, other):
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, Instances):
            same(a, b)
        else:
            assert type(a) is type(b), field.name
            assert np.array_equal(a, b), field.name


@pytest.mark.parametrize(
    "changes", [{}, {"instances": None, "depth": None, "confidence": None}]
)
def test_a_frame_is_read_as_it_was_written(changes, tmp_path):
    write_frame(tmp_path / "a.npz", frame(**changes))
    same(frame(**changes), read_frame(tmp_path / "a.npz"))


def test_frames_are_read_when_they_are_asked_for(tmp_path):
    store = StoredFrames(tmp_path, ())
    for name in ("10", "9"):
        store.write(frame(name), "key")
    scene = ScenePrediction("desk", StoredFrames(tmp_path))
    assert [one.name for one in scene.frames] == ["9", "10"]
    assert scene.frames[1:][0].name == "10"
    assert store.finished("9", "key") and not store.finished("9", "another")
    (tmp_path / "9.npz").write_bytes(b"half")
    assert store.finished("9", "key") is None
    with pytest.raises(ValueError, match=r"9\.npz is truncated"):
        scene.frames[0]


def test_the_best_of_overlapping_instances_has_the_pixel():
    ids = frame().instances.ids()
    assert ids[2, 0] == 1 and ids[0, 0] == 0
    assert (frame().instances.ids(least_score=0.5)[:2] == -1).all()


def test_intrinsics_of_depth_follow_its_size():
    """A pixel of depth and the four of colour below it have one ray."""
    one = frame(depth=np.ones((6, 8), np.float32))
    center = np.linalg.inv(K) @ (8.5, 6.5, 1)
    np.testing.assert_allclose(
        np.linalg.inv(one.K_depth) @ (4, 3, 1), center, atol=1e-12
    )
    np.testing.assert_allclose(one.points()[3, 4], center, atol=1e-12)
    assert one.colors().shape == (6, 8, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../x"}, r"'\.\./x'"),
        ({"K": np.full((3, 3), np.nan)}, "K"),
        ({"confidence": np.ones((2, 2))}, r"`confidence` must have .*got \(2, 2\)"),
    ],
)
def test_what_breaks_the_contract_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        frame(**changes)


def test_labels_have_names():
    masks, scores = np.ones((1, 2, 2), bool), np.ones(1, np.float32)
    with pytest.raises(ValueError, match="places in 1 names, got 3"):
        Instances(masks, scores, np.array([3]), ("object",))
