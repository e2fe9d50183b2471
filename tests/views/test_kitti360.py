import shutil

import numpy as np
import pytest
import torch

from tests.drives import DRIVES, VIEW
from tests.synthetic.render.test_raycast import surface_value
from vantage3d.geometry import invert_rigid, transform_points, unproject
from vantage3d.io.depth_files import KITTI_SCALE
from vantage3d.io.kitti360_labels import IDS
from vantage3d.process.seeding import SeededIndex
from vantage3d.registry import DATASETS
from vantage3d.synthetic.streets import make_street
from vantage3d.synthetic.streets.drive import FRAME_S, SPEED, street2world
from vantage3d.views.frame import BadSampleError
from vantage3d.views.kitti360 import BucketMix, KITTI360Dataset, make_buckets, read_view

SEED = DRIVES.seed * 1000


def dataset(cache, **kwargs):
    size = dict(image_size=VIEW[1], aspect=VIEW[0] / VIEW[1], frames=3)
    return KITTI360Dataset(data_root=str(cache), **{**size, **kwargs})


def off_street(frame, number):
    """(N,) metres from the frame's world points to the street they were filmed in."""
    points = unproject(
        frame.depth.astype(float), frame.K, invert_rigid(frame.world2cam)
    )
    world = points[frame.depth > 0]
    duration = DRIVES.frames * FRAME_S
    street = make_street("suburb", SEED, duration * SPEED, duration)
    local = transform_points(invert_rigid(street2world(SEED)), world)
    best = np.full(len(local), np.inf)
    for solid in street.at(number * FRAME_S):
        reach = np.abs(surface_value(solid, local)) * solid.half.max()
        best = np.minimum(best, reach)
    return best


@pytest.mark.parametrize("number", [0, 5])
def test_exact_depth_and_poses_put_every_pixel_on_the_street(cache, number):
    """Street, file formats, chains and dataset in one: the whole path is exact.

    Bound: half a unit of the depth file along a ray, times the extent of a solid over
    its thickness (``off_street`` measures large boxes coarsely).
    """
    data = dataset(cache, depth="exact")
    frame = data.read_frame(next(iter(data.sequences)), number)
    off = off_street(frame, number)
    assert np.median(off) < 0.01
    assert np.quantile(off, 0.99) < 0.3
    moved = frame.world2cam.copy()
    moved[:3, 3] += [0.3, 0, 0]
    wrong = off_street(frame._replace(world2cam=moved), number)
    assert np.median(wrong) > 10 * np.median(off)


def test_sample_sees_the_same_street_in_every_frame(cache):
    """World points of one frame, in another one, have that frame's depth."""
    sample = dataset(cache, depth="exact")[0]
    points = unproject(sample["depth"][0], sample["K"][0], sample["cam2world"][0])
    other_cam = invert_rigid(sample["cam2world"][1])
    x_cam = transform_points(other_cam, points[sample["valid"][0]])
    pixels = x_cam @ sample["K"][1].T
    at = (pixels[:, :2] / pixels[:, 2:]).round().long()
    inside = (at >= 0).all(1) & (at[:, 0] < VIEW[1]) & (at[:, 1] < VIEW[0])
    inside &= x_cam[:, 2] > 0
    other = sample["depth"][1][at[inside, 1], at[inside, 0]]
    error = ((other - x_cam[inside, 2]).abs() / x_cam[inside, 2])[other > 0]
    assert len(error) > 3000
    assert error.median() < 0.01


def test_lidar_depth_agrees_with_the_exact_one(cache):
    index = SeededIndex(3, 0)
    lidar, exact = dataset(cache)[index], dataset(cache, depth="exact")[index]
    both = lidar["valid"] & exact["valid"]
    assert both.float().mean() > 0.2
    error = (lidar["depth"] - exact["depth"]).abs()[both] / exact["depth"][both]
    assert error.median() < 0.01


def test_packed_views_are_the_views(cache):
    index = SeededIndex(2, 0)
    plain, packed = dataset(cache, packed=False)[index], dataset(cache)[index]
    for key in ("images", "depth", "valid", "semantics", "cam2world", "ids"):
        torch.testing.assert_close(packed[key], plain[key], atol=0, rtol=0)
    torch.testing.assert_close(packed["K"], plain["K"])


def test_sizes_that_are_not_packed_come_from_the_originals(cache, monkeypatch):
    """A dynamic sampler draws aspects; its samples are the same with and without."""
    plain, packed = dataset(cache, packed=False), dataset(cache)
    read = []
    original = packed.read_frame
    monkeypatch.setattr(packed, "read_frame", lambda *a: read.append(a) or original(*a))
    other = SeededIndex(2, 0, (3, 42 / 168))
    expected = plain[other]
    for key, value in packed[other].items():
        assert not torch.is_tensor(value) or torch.equal(value, expected[key]), key
    assert len(read) == 3
    packed[SeededIndex(2, 0)]
    assert len(read) == 3
    with pytest.raises(ValueError, match=r"no packed views of 42x168, only 56x168"):
        dataset(cache, packed=True, aspect=42 / 168)


def test_a_zoom_starts_from_the_packed_view(cache):
    zoomed = dict(augmentation=dict(zoom=0.2, colours=None))
    index = SeededIndex(2, 0)
    plain = dataset(cache, **zoomed)[index]  # from the originals
    packed = dataset(cache, packed=True, **zoomed)[index]
    assert (packed["images"] - plain["images"]).abs().mean() < 0.03
    torch.testing.assert_close(packed["K"], plain["K"], atol=1.5, rtol=0.01)
    assert not torch.equal(packed["K"], dataset(cache, packed=True)[index]["K"])


def test_packed_view_of_another_size_is_named(tmp_path):
    (tmp_path / "v.bin").write_bytes(b"x" * 10)
    with pytest.raises(BadSampleError, match=r"has 10 bytes, expected 40 .* of 3x2"):
        read_view(tmp_path / "v.bin", 2, 3)
    with pytest.raises(FileNotFoundError, match=r"w.bin is missing. Run tools"):
        read_view(tmp_path / "w.bin", 2, 3)


def test_registered_and_seeded(cache):
    size = dict(image_size=VIEW[1], aspect=VIEW[0] / VIEW[1], frames=2)
    data = DATASETS.build(
        dict(type="KITTI360Dataset", data_root=str(cache), mix={}, **size)
    )
    first, again = data[SeededIndex(0, 7)], data[SeededIndex(0, 7)]
    assert torch.equal(first["ids"], again["ids"])
    anchors = {int(data[SeededIndex(0, seed)]["ids"][0]) for seed in range(12)}
    assert len(anchors) > 2


def test_buckets_and_mix_decide_the_sampling():
    ratios = [0.5] * 5 + [0.2] * 100 + [None] * 5 + [0.01] * 1000
    buckets = make_buckets(ratios)
    assert [len(where) for where in buckets.values()] == [5, 105, 1000]
    rng = np.random.default_rng(0)
    drawn = np.array([BucketMix().draw(buckets, rng) for _ in range(4000)])
    shares = [np.isin(drawn, where).mean() for where in buckets.values()]
    np.testing.assert_allclose(shares, [0.5, 0.3, 0.2], atol=0.03)
    no_rich = make_buckets(ratios[5:])
    drawn = np.array([BucketMix().draw(no_rich, rng) for _ in range(4000)])
    shares = [np.isin(drawn, where).mean() for where in no_rich.values()]
    np.testing.assert_allclose(shares, [0, 0.6, 0.4], atol=0.03)
    only = BucketMix(shares={"rich": 0, "mixed": 0, "road": 1.0})
    assert {only.draw(buckets, rng) >= 110 for _ in range(50)} == {True}
    assert len(make_buckets(ratios, rich=0.15)["rich"]) == 105
    with pytest.raises(ValueError, match=r"got 0.5 and 0.2"):
        make_buckets(ratios, rich=0.2, mixed=0.5)
    with pytest.raises(ValueError, match=r"`shares` must give.*'rich': 1"):
        BucketMix(shares={"rich": 1})


def test_mix_of_the_recipe_draws_what_the_index_says(cache):
    data = dataset(cache, mix=dict(shares={"rich": 1, "mixed": 0, "road": 0}, rich=0.2))
    rich = set(data.buckets["rich"].tolist())
    rng = np.random.default_rng(0)
    drawn = {int(data.draw_views(np.array([0]), 3, rng)[0]) for _ in range(60)}
    assert rich and drawn == rich  # sample i is row i: nothing is left out
    assert dataset(cache).draw_views(np.array([4]), 3, rng)[0] == 4


def test_class_weights_and_minimum_of_valid_pixels(cache):
    plain = dataset(cache)[0]
    assert (plain["semantics"] == IDS["building"]).any()
    assert "pixel_weights" not in plain
    recipe = {IDS["building"]: 2.0, IDS["road"]: 0.7, IDS["sky"]: 0.2}
    weighted = dataset(cache, class_weights=recipe)[0]
    for number, weight in recipe.items():
        where = weighted["semantics"] == number
        assert where.any() and (weighted["pixel_weights"][where] == weight).all()
    valid = int(plain["valid"][0].sum())
    dataset(cache, min_valid=valid)[0]
    with pytest.raises(BadSampleError, match=f"has {valid} valid pixels"):
        dataset(cache, min_valid=valid + 1)[0]


def test_damaged_files_are_named_and_missing_cache_too(cache, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"train.npz is missing"):
        dataset(tmp_path)
    with pytest.raises(ValueError, match="`depth` must be one of 'lidar', 'exact'"):
        dataset(cache, depth="radar")
    with pytest.raises(ValueError, match="hold LiDAR depth, got depth='exact'"):
        dataset(cache, depth="exact", packed=True)
    data = dataset(cache, packed=False)
    assert data.index.facts.depth_scale == KITTI_SCALE
    entry = data.index.row(0)
    data.raw_root = tmp_path
    with pytest.raises(BadSampleError, match=r"depth image .*0.png is missing"):
        data[0]
    data.raw_root = tmp_path / "street" / "cache"
    (data.raw_root / entry.depth).parent.mkdir(parents=True)
    shutil.copy(cache / entry.depth, data.raw_root / entry.depth)
    with pytest.raises(BadSampleError, match=r"colour image .* is missing"):
        data[0]
    path = data.raw_root / entry.image
    path.parent.mkdir(parents=True)
    path.write_bytes(b"no image")
    with pytest.raises(BadSampleError, match="is not an image"):
        data[0]
