"""Sparse tensors, voxels of points, and what goes wrong with them."""

import gc
import weakref

import pytest
import torch

from vantage3d.sparse import SparseTensor, floor_coordinates, get_backend, voxelize

from . import oracle

engine = get_backend("torch")


def test_rows_keep_the_order_given():
    coordinates = oracle.random_cloud(0)
    feats = torch.randn(len(coordinates), 3)
    x = SparseTensor(feats, coordinates.long())
    assert x.coordinates.dtype == torch.int32
    assert torch.equal(x.coordinates, coordinates)
    identity = engine.Conv(3, 3, 3)
    with torch.no_grad():
        identity.kernel.zero_()
        identity.kernel[13] = torch.eye(3)
    assert torch.equal(identity(x).features, feats)
    assert torch.equal(x.replace(2 * feats).features, 2 * feats)
    assert torch.equal(engine.ReLU()(x.replace(2 * feats)).features, (2 * feats).relu())


def test_sum_and_concatenation():
    coordinates = oracle.random_cloud(1)
    feats = torch.randn(len(coordinates), 2)
    x = SparseTensor(feats, coordinates)
    other = SparseTensor(feats + 1, coordinates)
    torch.testing.assert_close((x + other).features, 2 * feats + 1)
    joined = engine.cat(x, other, x)
    assert torch.equal(joined.features, torch.cat([feats, feats + 1, feats], 1))
    total = x.replace(feats.clone())
    total += other
    torch.testing.assert_close(total.features, 2 * feats + 1)


def test_voxelize_averages_and_finds_every_point_again():
    coordinates = torch.randint(-3, 3, (200, 4), dtype=torch.int32)
    coordinates[:, 0] = torch.arange(200) % 2
    feats = torch.randn(200, 3, dtype=torch.float64, requires_grad=True)
    x, inverse = voxelize(coordinates, feats)
    assert torch.equal(x.coordinates[inverse], coordinates)
    for row, at in enumerate(x.coordinates):
        members = (coordinates == at).all(1)
        torch.testing.assert_close(x.features[row], feats[members].mean(0))
    assert len(torch.unique(x.coordinates, dim=0)) == len(x.coordinates)
    (x.features.sum()).backward()
    counts = torch.bincount(inverse)[inverse]
    torch.testing.assert_close(feats.grad, (1 / counts)[:, None].expand(-1, 3).double())


def test_floor_coordinates_round_down_and_count_samples():
    points = [torch.tensor([[-0.01, 0.0, 0.05]]), torch.tensor([[0.019, -0.02, 0.02]])]
    rows = floor_coordinates(points, 0.02)
    assert rows.tolist() == [[0, -1, 0, 2], [1, 0, -1, 1]]
    assert rows.dtype == torch.int32


def test_samples_do_not_touch():
    coordinates = oracle.random_cloud(2, batches=3)
    feats = torch.randn(len(coordinates), 4)
    net = torch.nn.Sequential(engine.Conv(4, 4, 3), engine.Conv(4, 4, 2, stride=2))
    whole = net(SparseTensor(feats, coordinates))
    for sample in range(3):
        mine = coordinates[:, 0] == sample
        alone = net(SparseTensor(feats[mine], coordinates[mine]))
        part = whole.coordinates[:, 0] == sample
        assert torch.equal(alone.coordinates, whole.coordinates[part])
        torch.testing.assert_close(alone.features, whole.features[part])


def test_moving_the_cloud_moves_the_result():
    coordinates = oracle.random_cloud(3)
    feats = torch.randn(len(coordinates), 4)
    layer = engine.Conv(4, 4, 3)
    there = coordinates + torch.tensor([0, 1000, -5000, 77], dtype=torch.int32)
    torch.testing.assert_close(
        layer(SparseTensor(feats, coordinates)).features,
        layer(SparseTensor(feats, there)).features,
    )


def test_maps_die_with_the_tensors():
    coordinates = oracle.random_cloud(4)
    x = SparseTensor(torch.randn(len(coordinates), 4), coordinates)
    down = engine.Conv(4, 4, 2, stride=2)(x)
    up = engine.ConvTranspose(4, 4, 2, stride=2)(down, x)
    levels = [weakref.ref(level) for level in (x.level, down.level)]
    assert up.level is x.level
    gc.disable()
    try:
        del x, down, up
        assert [level() for level in levels] == [None, None]
    finally:
        gc.enable()


def test_maps_are_made_once():
    coordinates = oracle.random_cloud(5)
    x = SparseTensor(torch.randn(len(coordinates), 16), coordinates)
    layer = engine.Conv(16, 16, 3)
    y = layer(layer(x))
    assert y.level is x.level
    assert len(x.level.plans[x.level]) == 1
    down = engine.Conv(16, 16, 2, stride=2)
    assert down(x).level is down(y).level


@pytest.mark.parametrize("channels", [3, 16])
def test_empty_tensor(channels):
    x = SparseTensor(torch.zeros(0, channels), torch.zeros(0, 4, dtype=torch.int32))
    down = engine.Conv(channels, 8, 2, stride=2)(x)
    out = engine.ConvTranspose(8, 5, 2, stride=2)(down, x)
    assert out.features.shape == (0, 5)
    assert engine.MaxPool(2, 2)(x).features.shape == (0, channels)
    assert engine.interpolate(x, torch.zeros(7, 4)).shape == (7, channels)


def test_cloud_without_any_neighbour():
    coordinates = torch.tensor([[0, 1, 1, 1]], dtype=torch.int32)
    x = SparseTensor(torch.ones(1, 16, requires_grad=True), coordinates)
    layer = engine.Conv(16, 8, 1, stride=2)
    out = layer(x)
    assert out.coordinates.tolist() == [[0, 0, 0, 0]]
    assert torch.equal(out.features, torch.zeros(1, 8))
    out.features.sum().backward()
    assert not layer.kernel.grad.any()


class TestErrors:
    coordinates = torch.zeros(1, 4, dtype=torch.int32)
    feats = torch.zeros(1, 3)

    def test_coordinate_shape(self):
        with pytest.raises(ValueError, match=r"shape \(N, 4\).*got \(1, 3\)"):
            SparseTensor(self.feats, self.coordinates[:, 1:])

    def test_coordinate_dtype(self):
        with pytest.raises(TypeError, match=r"int32 or int64, got torch\.float32"):
            SparseTensor(self.feats, self.coordinates.float())

    def test_feature_shape(self):
        with pytest.raises(ValueError, match=r"shape \(N, C\), got \(1,\)"):
            SparseTensor(self.feats[:, 0], self.coordinates)

    def test_feature_dtype(self):
        with pytest.raises(TypeError, match=r"floating point, got torch\.int64"):
            SparseTensor(self.feats.long(), self.coordinates)

    def test_different_length(self):
        with pytest.raises(ValueError, match="has 2 rows and `coordinates` 1"):
            SparseTensor(torch.zeros(2, 3), self.coordinates)

    def test_other_device(self):
        with pytest.raises(ValueError, match="is on meta and `coordinates` on cpu"):
            SparseTensor(self.feats.to("meta"), self.coordinates)

    def test_stride(self):
        with pytest.raises(ValueError, match="`stride` must be at least 1, got 0"):
            SparseTensor(self.feats, self.coordinates, stride=0)

    def test_off_the_lattice(self):
        with pytest.raises(ValueError, match=r"stride 2, got \[0, 0, 3, 0\] in row 0"):
            SparseTensor(self.feats, torch.tensor([[0, 0, 3, 0]]), stride=2)

    def test_repeated(self):
        with pytest.raises(ValueError, match=r"unique, got \[0, 0, 0, 0\].*1 repeats"):
            SparseTensor(torch.zeros(2, 3), self.coordinates.repeat(2, 1))

    @pytest.mark.parametrize("batch", [-1, 512])
    def test_batch_range(self, batch):
        with pytest.raises(ValueError, match=rf"0\.\.511, got {batch}"):
            SparseTensor(self.feats, torch.tensor([[batch, 0, 0, 0]]))

    @pytest.mark.parametrize("far", [-(2**32) - 7, 2**32 + 7])
    def test_coordinates_that_would_wrap_around(self, far):
        with pytest.raises(ValueError, match=rf"fit into 32 bits, got {far}"):
            SparseTensor(self.feats, torch.tensor([[0, far, 0, 0]]))
        with pytest.raises(ValueError, match=rf"fit into 32 bits, got {far}"):
            floor_coordinates([torch.tensor([[far, 0, 0]]).double()], 1.0)

    @pytest.mark.parametrize("far", [-140000, 140000])
    def test_coordinate_range(self, far):
        with pytest.raises(ValueError, match=rf"within \+-130815 voxels, got {far}"):
            SparseTensor(self.feats, torch.tensor([[0, far, 0, 0]]))

    def test_replace_with_other_length(self):
        x = SparseTensor(self.feats, self.coordinates)
        with pytest.raises(ValueError, match="has 2 rows"):
            x.replace(torch.zeros(2, 3))

    def test_sum_and_cat_of_other_voxels(self):
        x = SparseTensor(self.feats, self.coordinates)
        other = SparseTensor(self.feats, self.coordinates + 1)
        with pytest.raises(ValueError, match=r"same voxels, got SparseTensor.1 vox"):
            x + other
        with pytest.raises(ValueError, match=r"same voxels, got SparseTensor.1 vox"):
            engine.cat(x, other)

    def test_cat_of_nothing(self):
        with pytest.raises(ValueError, match="at least one tensor, got 0"):
            engine.cat()

    def test_voxel_size(self):
        with pytest.raises(ValueError, match="positive metres, got 0"):
            floor_coordinates([torch.zeros(1, 3)], 0)

    def test_no_samples(self):
        with pytest.raises(ValueError, match="at least one sample, got 0"):
            floor_coordinates([], 0.02)

    def test_point_shape(self):
        with pytest.raises(ValueError, match=r"`points\[1\]`.*got \(2, 4\)"):
            floor_coordinates([torch.zeros(1, 3), torch.zeros(2, 4)], 0.02)

    def test_point_nan(self):
        points = torch.tensor([[0.0, 0, 0], [1.0, float("nan"), 0]])
        with pytest.raises(ValueError, match=r"got \[1\.0, nan, 0\.0\] in row 1"):
            floor_coordinates([points], 0.02)
