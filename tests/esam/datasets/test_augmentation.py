import numpy as np
import pytest
import torch
from mmdet3d.structures.points import DepthPoints
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import uniform_filter

from vantage3d.esam.datasets import (
    ElasticTransfrom,
    GlobalRotScaleTrans,
    NormalizePointsColor_,
    RandomFlip3D,
)
from vantage3d.esam.datasets.augmentation import smooth_noise


def cloud(number: int = 50) -> DepthPoints:
    points = torch.from_numpy(np.random.default_rng(0).normal(size=(number, 6)))
    return DepthPoints(
        points.float(), points_dim=6, attribute_dims={"color": [3, 4, 5]}
    )


def test_colour_statistics_are_removed_and_positions_kept():
    points = cloud(1000)
    points.color = points.color * 50 + 100
    xyz = points.coord.clone()
    mean, std = points.color.mean(0).tolist(), points.color.std(0).tolist()
    out = NormalizePointsColor_(mean, std).transform({"points": points})["points"]
    assert torch.allclose(out.color.mean(0), torch.zeros(3), atol=1e-4)
    assert torch.allclose(out.color.std(0), torch.ones(3), atol=1e-4)
    assert torch.equal(out.coord, xyz)


def test_without_distortion_elastic_coords_are_voxel_units():
    points = cloud()
    out = ElasticTransfrom([6], [40], voxel_size=0.02, p=0.0).transform(
        {"points": points}
    )
    np.testing.assert_allclose(
        out["elastic_coords"], points.coord.numpy().astype(np.float64) / 0.02
    )


def test_elastic_leaves_the_points_alone():
    points = cloud()
    before = points.tensor.clone()
    out = ElasticTransfrom([6, 20], [40, 160], 0.02, p=1.0).transform(
        {"points": points}
    )
    assert torch.equal(out["points"].tensor, before)
    assert np.abs(out["elastic_coords"] - before[:, :3].numpy() / 0.02).max() > 0.1


def test_noise_equals_a_grid_interpolator():
    coords = np.random.default_rng(1).uniform(-40, 40, (200, 3))
    gran = 6
    np.random.seed(3)
    ours = smooth_noise(coords, gran)
    np.random.seed(3)
    cells = (np.abs(coords).max(axis=0) // gran + 3).astype(int)
    axes = [np.linspace(-(b - 1) * gran, (b - 1) * gran, b) for b in cells]
    for axis in range(3):
        grid = np.random.randn(*cells)
        for _ in range(2):
            grid = uniform_filter(grid, size=3, mode="constant")
        oracle = RegularGridInterpolator(axes, grid)(coords)
        np.testing.assert_allclose(ours[:, axis], oracle, atol=1e-12)


def test_recorded_transform_is_exactly_undone():
    points = cloud()
    original = points.coord.clone().double()
    results = {"points": points}
    for transform in (
        RandomFlip3D(
            sync_2d=False, flip_ratio_bev_horizontal=1.0, flip_ratio_bev_vertical=1.0
        ),
        GlobalRotScaleTrans([-3.14, 3.14], [0.8, 1.2], [0.1, 0.1, 0.1], False),
    ):
        results = transform.transform(results)
    xyz = results["points"].coord.double()
    xyz = (xyz - torch.as_tensor(results["pcd_trans"])) / results["pcd_scale_factor"]
    xyz = xyz @ torch.linalg.inv(torch.as_tensor(results["pcd_rotation"]).double())
    assert results["pcd_horizontal_flip"]
    assert results["pcd_vertical_flip"]
    xyz[:, :2] *= -1
    torch.testing.assert_close(xyz, original, atol=1e-5, rtol=0)


def test_moves_by_hand():
    """Half a turn, doubled, not shifted; x mirrored, y not."""
    points = DepthPoints(torch.tensor([[1.0, 2, 3]]), points_dim=3)
    results = RandomFlip3D(1.0, 0.0).transform({"points": points})
    assert results["points"].tensor.tolist() == [[-1, 2, 3]]
    assert (results["pcd_horizontal_flip"], results["pcd_vertical_flip"]) == (1, 0)
    move = GlobalRotScaleTrans([np.pi, np.pi], [2, 2], [0, 0, 0])
    moved = move.transform(results)["points"].tensor
    torch.testing.assert_close(moved, torch.tensor([[2.0, -4, 6]]))
    assert results["transformation_3d_flow"] == ["HF", "R", "S", "T"]


def test_moves_that_are_not_offered():
    with pytest.raises(ValueError, match="`sync_2d` must be False, got True"):
        RandomFlip3D(0.5, 0.5, sync_2d=True)
    with pytest.raises(ValueError, match=r"flip_ratio_bev_vertical.*got 1\.5"):
        RandomFlip3D(0.5, 1.5)
    with pytest.raises(ValueError, match="`shift_height` must be False, got True"):
        GlobalRotScaleTrans([0, 0], [1, 1], [0, 0, 0], shift_height=True)
