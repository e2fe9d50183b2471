import numpy as np
import pytest
import torch

from tests.views.plane import FAR, NORMAL, OFFSET, frame, pose
from tests.views.worlds import PlaneDataset
from vantage3d.geometry import invert_rigid, project, unproject
from vantage3d.process.seeding import SeededIndex
from vantage3d.views.batch import assemble, collate_views
from vantage3d.views.frame import BadSampleError, check_frame

SMALL = dict(
    data_root=".",
    frames=3,
    image_size=70,
    aspect=0.4,
    sampling=dict(span=2),  # of the anchors below, none reaches the bad frame
)


def world_points(sample):
    """(V, H, W, 3) points in the first camera."""
    return unproject(sample["depth"], sample["K"], sample["cam2world"])


def equal(first, second):
    return all(
        torch.equal(a, second[k]) if torch.is_tensor(a) else a == second[k]
        for k, a in first.items()
    )


def test_contract_and_exact_world_points():
    """World points lie on the plane, to a millimetre, 3.8 km from the origin."""
    sample = PlaneDataset(**SMALL)[4]
    shapes = {k: tuple(v.shape) for k, v in sample.items() if torch.is_tensor(v)}
    assert shapes == {
        "images": (3, 3, 28, 70),
        "depth": (3, 28, 70),
        "valid": (3, 28, 70),
        "K": (3, 3, 3),
        "cam2world": (3, 4, 4),
        "semantics": (3, 28, 70),
        "ids": (3,),
    }
    assert sample["sequence"] == "a" and sample["dataset"] == "PlaneDataset"
    first = np.linalg.inv(pose(int(sample["ids"][0])))
    normal = torch.tensor(NORMAL @ first[:3, :3], dtype=torch.float32)
    points = world_points(sample)
    off = points @ normal - float(OFFSET - NORMAL @ (first[:3, 3] - FAR))
    # Nearest sampling moves a pixel by up to half a source pixel.
    assert off.abs().max() < 0.2
    assert off.mean().abs() < 2e-2


def test_points_project_onto_their_pixels_in_every_frame():
    sample = PlaneDataset(**SMALL)[4]
    for view in range(3):
        points = world_points(sample)[view].reshape(-1, 3)
        world2cam = invert_rigid(sample["cam2world"][view])
        pixels, depth = project(points, sample["K"][view], world2cam)
        xs, ys = torch.meshgrid(torch.arange(70.0), torch.arange(28.0), indexing="xy")
        torch.testing.assert_close(pixels[:, 0], xs.flatten(), atol=1e-3, rtol=0)
        torch.testing.assert_close(pixels[:, 1], ys.flatten(), atol=1e-3, rtol=0)
        torch.testing.assert_close(depth.reshape(28, 70), sample["depth"][view])
    assert torch.equal(sample["cam2world"][0], torch.eye(4))


def test_same_seed_same_sample_and_other_seed_another():
    data = PlaneDataset(**SMALL, augmentation={})
    first = data[SeededIndex(2, 5)]
    np.random.seed(9)
    assert equal(first, data[SeededIndex(2, 5)])
    assert not equal(first, data[SeededIndex(2, 6)])
    assert first["ids"][0] == 2
    assert (first["ids"] - 2).abs().max() <= 2


def test_dynamic_index_decides_frames_and_aspect():
    data = PlaneDataset(**{**SMALL, "sampling": dict(span=4)})
    sample = data[SeededIndex(0, 1, (5, 0.2))]
    assert sample["images"].shape == (5, 3, 14, 70)


def test_test_mode_is_fixed_and_not_augmented():
    options = dict({**SMALL, "frames": 2}, test_mode=True)
    data = PlaneDataset(**options, augmentation={}, indices=[0, 2, 6])
    plain = PlaneDataset(**options)
    assert len(plain) == 9 and len(data) == 3
    assert equal(data[SeededIndex(2, 5)], data[SeededIndex(2, 6)])
    assert equal(data[2], plain[6])
    assert plain[8]["ids"].tolist() == [24, 25]


def test_drawn_windows_are_those_of_training_and_the_same_each_time():
    options = {**SMALL, "drawn": True, "stride": 2, "test_mode": True}
    first, again = (PlaneDataset(**options) for _ in range(2))
    windows = [first.get_data_info(i)["ids"] for i in range(len(first))]
    assert windows == [again.get_data_info(i)["ids"] for i in range(len(again))]
    anchors = [window[0] for window in windows]
    assert (np.diff(anchors[:5]) == 2).all() and windows != [sorted(w) for w in windows]
    assert all(max(w) - min(w) <= 4 and len(set(w)) == 3 for w in windows)


def test_windows_longer_than_every_sequence_are_refused():
    message = (
        "no sample of 13 frames in the 2 sequences of split 'train': 2 pieces too sh"
    )
    with pytest.raises(ValueError, match=message):
        PlaneDataset(**{**SMALL, "frames": 13}, test_mode=True)


def test_class_weights_reach_the_pixels():
    sample = PlaneDataset(**SMALL, class_weights={2: 2.0, 4: 0.5})[0]
    semantics, weights = sample["semantics"], sample["pixel_weights"]
    for number, weight in ((2, 2.0), (4, 0.5), (3, 1.0)):
        assert (semantics == number).any()
        assert (weights[semantics == number] == weight).all()
    unknown = frame(0)._replace(semantics=np.full((97, 211), -1, np.int16))
    weights = PlaneDataset(**SMALL, class_weights={2: 2.0}).pixel_weights(unknown)
    assert (weights == 1).all()


def test_bad_frame_is_an_error_or_a_counted_redraw():
    with pytest.raises(BadSampleError, match="frame a/7 has no pose"):
        PlaneDataset(**SMALL)[7]
    lenient = PlaneDataset(**SMALL, max_draws=20)
    assert lenient[SeededIndex(7, 0)]["ids"][0] != 7
    assert lenient.rejected >= 1


def test_too_few_valid_pixels_name_the_frame():
    data = PlaneDataset(**SMALL, min_valid=2000)
    message = r"frame a/0 has 1960 valid pixels, expected at .*"
    with pytest.raises(BadSampleError, match=message + "2000"):
        data[0]
    twice = PlaneDataset(**SMALL, min_valid=2000, max_draws=2)
    with pytest.raises(BadSampleError, match="after 2 draws"):
        twice[0]
    assert twice.rejected == 2


def test_collate_adds_a_batch_axis_and_refuses_mixed_shapes():
    data = PlaneDataset(**SMALL)
    batch = collate_views([data[0], data[1]])
    assert batch["inputs"]["images"].shape == (2, 3, 3, 28, 70)
    assert batch["inputs"]["ids"].shape == (2, 3)
    assert [s["sequence"] for s in batch["data_samples"]] == ["a", "a"]
    with pytest.raises(ValueError, match=r"one shape of `images`.*\(2, 3, 28, 70\)"):
        collate_views([data[0], data[SeededIndex(0, 1, (2, 0.4))]])


def test_a_batch_of_two_datasets_has_what_either_has():
    weighted = PlaneDataset(**SMALL, class_weights={2: 2.0})[0]
    plain = PlaneDataset(**SMALL)[1]
    del plain["semantics"]
    batch = collate_views([plain, weighted])["inputs"]
    assert (batch["semantics"][0] == -1).all() and (
        batch["pixel_weights"][0] == 1
    ).all()
    for key in ("semantics", "pixel_weights"):
        assert torch.equal(batch[key][1], weighted[key])


def test_depth_that_is_not_finite_is_missing():
    bad = frame(0)
    bad.depth[:5], bad.depth[5], bad.depth[6] = np.nan, np.inf, -1
    sample = assemble([bad], [0], "a", "b")
    assert (~sample["valid"][0, :7]).all() and sample["valid"][0, 7:].all()
    assert (sample["depth"][0, :7] == 0).all()
    assert (sample["semantics"] >= 0).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(K=np.diag([0.0, 90, 1])), "positive focal lengths.*0.0"),
        (dict(K=np.full((3, 3), np.nan)), "`K` must be finite, got nan"),
        (dict(world2cam=np.diag([1.0, 1, -1, 1])), "det R is -1"),
        (dict(world2cam=2 * np.eye(4)), "differs from the identity by 3"),
        (dict(semantics=np.zeros((5, 4), np.int16)), r"`semantics`.*H=97.*\(5, 4\)"),
        (dict(depth=np.zeros((5, 4), np.float32)), r"`depth`.*H=97.*\(5, 4\)"),
    ],
)
def test_broken_frames_are_named(change, message):
    with pytest.raises(BadSampleError, match=f"frame a/3: .*{message}"):
        check_frame(frame(3)._replace(**change), "a/3")


def test_empty_split_and_bad_arguments():
    class Empty(PlaneDataset):
        numbers = {"a": []}

    with pytest.raises(ValueError, match="Empty found no frame of split 'val' in x"):
        Empty(data_root="x", split="val")
    with pytest.raises(ValueError, match=r"`split` must be one of 'train'.*got 'eval'"):
        PlaneDataset(data_root=".", split="eval")
    with pytest.raises(IndexError, match="sample 18 of 18"):
        PlaneDataset(**SMALL)[18]


def test_a_split_without_depth_says_so(monkeypatch):
    views = PlaneDataset("x")
    assert views.lacks_targets() == ""

    def no_depth(sequence, number):
        raise BadSampleError(f"frame {sequence}/{number} has no depth")

    monkeypatch.setattr(views, "read_frame", no_depth)
    reason = views.lacks_targets()
    assert reason == (
        "none of 18 frames of PlaneDataset train in x can be used, the last: frame "
        "b/25 has no depth"
    )
