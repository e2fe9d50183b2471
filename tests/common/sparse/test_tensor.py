"""Voxels, interpolation, pooling, concatenation: against slow obvious versions."""

import itertools

import numpy as np
import pytest
import torch

from projects.common.sparse import (
    SparseTensor,
    floor_coordinates,
    get_backend,
    voxelize,
)

engine = get_backend("torch")


def cloud(seed: int, channels: int = 3, extent: int = 6) -> SparseTensor:
    rng = np.random.default_rng(seed)
    cells = np.column_stack(
        [rng.integers(0, 2, 150), rng.integers(-extent, extent, (150, 3))]
    )
    cells = rng.permutation(np.unique(cells, axis=0)).astype(np.int32)
    features = rng.standard_normal((len(cells), channels)).astype(np.float32)
    return engine.tensor(torch.from_numpy(features), torch.from_numpy(cells))


def lookup(x: SparseTensor) -> dict[tuple[int, ...], torch.Tensor]:
    rows = zip(x.coordinates.tolist(), x.features, strict=True)
    return {tuple(cell): feature for cell, feature in rows}


def test_floor_goes_down_below_zero():
    points = [torch.tensor([[-0.001, 0.0, 0.019]]), torch.tensor([[0.02, -0.04, 1.0]])]
    expected = [[0, -1, 0, 0], [1, 1, -2, 50]]
    assert floor_coordinates(points, 0.02).tolist() == expected


def test_points_of_a_voxel_are_averaged_and_found_again():
    rng = np.random.default_rng(0)
    cells = torch.from_numpy(rng.integers(-3, 3, (200, 4)).astype(np.int32)).abs()
    cells[:, 1:] -= 2
    features = torch.from_numpy(rng.standard_normal((200, 5)).astype(np.float32))
    voxels, inverse = voxelize(cells, features)
    assert len(torch.unique(voxels.coordinates, dim=0)) == len(voxels.coordinates)
    assert torch.equal(voxels.coordinates[inverse].int(), cells)
    for row in range(len(voxels.coordinates)):
        mean = features[inverse == row].mean(0)
        torch.testing.assert_close(voxels.features[row], mean)


def test_gradient_of_the_mean_is_shared_by_its_points():
    cells = torch.zeros(4, 4, dtype=torch.int32)
    cells[3, 1] = 1
    features = torch.randn(4, 2, requires_grad=True)
    voxels, _ = voxelize(cells, features)
    voxels.features.sum().backward()
    torch.testing.assert_close(features.grad[:3], torch.full((3, 2), 1 / 3))
    torch.testing.assert_close(features.grad[3], torch.ones(2))


@pytest.mark.parametrize("mode", ["max", "mean"])
@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (3, 2), (3, 1)])
def test_pooling(mode, kernel, stride):
    x = cloud(1)
    layer = (engine.MaxPool if mode == "max" else engine.AvgPool)(kernel, stride=stride)
    out = layer(x)
    cells = lookup(x)
    coarse = {(c[0], *(stride * (v // stride) for v in c[1:])) for c in cells}
    assert {tuple(c) for c in out.coordinates.tolist()} == coarse
    low = 0 if kernel % 2 == 0 else -(kernel // 2)
    offsets = list(itertools.product(range(low, low + kernel), repeat=3))
    for cell, value in lookup(out).items():
        under = [
            cells[key]
            for offset in offsets
            if (key := (cell[0], *np.add(cell[1:], offset).tolist())) in cells
        ]
        stacked = torch.stack(under)
        expected = stacked.amax(0) if mode == "max" else stacked.mean(0)
        torch.testing.assert_close(value, expected)


def test_interpolation_is_trilinear_and_a_missing_corner_is_zero():
    x = cloud(2)
    cells = lookup(x)
    rng = np.random.default_rng(3)
    points = np.column_stack([rng.integers(0, 2, 50), rng.uniform(-6, 6, (50, 3))])
    got = engine.interpolate(x, torch.from_numpy(points).float())
    for point, value in zip(points.astype(np.float32), got, strict=True):
        base = np.floor(point[1:]).astype(int)
        expected = torch.zeros(3)
        for corner in itertools.product((0, 1), repeat=3):
            weight = np.prod(1 - np.abs(point[1:] - (base + corner)))
            key = (int(point[0]), *(base + corner).tolist())
            expected += float(weight) * cells.get(key, torch.zeros(3))
        torch.testing.assert_close(value, expected, atol=1e-5, rtol=1e-4)


def test_interpolation_at_voxels_gives_their_features():
    x = cloud(4)
    at = engine.interpolate(x, x.coordinates.float())
    torch.testing.assert_close(at, x.features)


def test_concatenation_joins_by_voxel():
    x = cloud(5)
    y = engine.tensor(2 * x.features, x.coordinates)
    both = engine.cat(x, y)
    torch.testing.assert_close(both.features[:, 3:], 2 * both.features[:, :3])
    with pytest.raises(ValueError, match="got 0"):
        engine.cat()


def test_autocast_computes_in_bfloat16_near_the_float_result():
    x, layer = cloud(6), engine.Conv(3, 8, 3)
    plain = layer(x).features
    with torch.autocast("cpu", torch.bfloat16):
        low = layer(x).features
    assert low.dtype == torch.bfloat16
    assert (low.float() - plain).abs().max() < 0.03 * plain.abs().max()
    assert not torch.equal(low.float(), plain)


def test_order_of_the_rows_changes_nothing_but_the_order():
    x, layer = cloud(7), engine.Conv(3, 4, 3)
    shuffle = torch.randperm(len(x.coordinates))
    shuffled = engine.tensor(x.features[shuffle], x.coordinates[shuffle])
    assert torch.equal(shuffled.coordinates, x.coordinates[shuffle])
    torch.testing.assert_close(
        layer(shuffled).features, layer(x).features[shuffle], atol=1e-6, rtol=1e-5
    )
