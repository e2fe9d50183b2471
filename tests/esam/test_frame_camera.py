import numpy as np
import pytest
import torch
from mmdet3d.structures.points import DepthPoints

from vantage3d.esam.datasets import (
    ElasticTransfrom,
    GlobalRotScaleTrans,
    RandomFlip3D,
)
from vantage3d.esam.frame_camera import pixel_errors, undo_augmentation


def cloud() -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(0, 2, (200, 3))).float()


def augment(points: torch.Tensor, seed: int, transforms=None) -> dict:
    np.random.seed(seed)
    results = {"points": DepthPoints(points.clone(), points_dim=3), "sample_idx": "s_2"}
    for transform in transforms or (
        RandomFlip3D(
            sync_2d=False, flip_ratio_bev_horizontal=0.5, flip_ratio_bev_vertical=0.5
        ),
        GlobalRotScaleTrans([-3.14, 3.14], [0.8, 1.2], [0.1, 0.1, 0.1], False),
        ElasticTransfrom([6, 20], [40, 160], 0.02, p=0.5),
    ):
        results = transform.transform(results)
    return results


@pytest.mark.parametrize("seed", range(8))
def test_augmentation_is_undone(seed):
    points = cloud()
    results = augment(points, seed)
    moved = results["points"].tensor
    assert (moved - points).abs().max() > 0.01
    back = undo_augmentation(moved, results)
    assert back.dtype == torch.float32
    torch.testing.assert_close(back, points, atol=2e-6, rtol=0)


def test_order_of_the_recorded_flow_counts():
    points = cloud()
    flip = RandomFlip3D(
        sync_2d=False, flip_ratio_bev_horizontal=1.0, flip_ratio_bev_vertical=0.0
    )
    move = GlobalRotScaleTrans([1.0, 1.0], [1.2, 1.2], [0.1, 0.1, 0.1], False)
    for transforms in ((flip, move), (move, flip)):
        results = augment(points, 0, transforms)
        back = undo_augmentation(results["points"].tensor, results)
        torch.testing.assert_close(back, points, atol=2e-6, rtol=0)


def test_without_augmentation_points_stay():
    points = cloud()
    assert torch.equal(undo_augmentation(points, {}), points)


def test_a_step_that_nobody_knows():
    flow = {"sample_idx": "s_2", "transformation_3d_flow": ["HF", "J"]}
    with pytest.raises(
        ValueError, match=r"sample s_2: .*'J'\] has the unknown step 'J'"
    ):
        undo_augmentation(cloud(), flow)


def test_two_rotations_of_which_one_is_recorded():
    move = GlobalRotScaleTrans([1.0, 1.0], [1.2, 1.2], [0.1, 0.1, 0.1], False)
    results = augment(cloud(), 0, (move, move))
    with pytest.raises(ValueError, match="sample s_2: step 'R' occurs 2 times"):
        undo_augmentation(results["points"].tensor, results)


def test_a_step_without_its_record():
    results = augment(cloud(), 0)
    del results["pcd_trans"]
    with pytest.raises(ValueError, match=r"s_2: .*has 'T', but `pcd_trans` is missing"):
        undo_augmentation(results["points"].tensor, results)


def test_pixel_errors_by_hand():
    K = torch.tensor([[100.0, 0, 50], [0, 200.0, 40], [0, 0, 1]]).double()
    points_cam = torch.tensor(
        [
            [0.0, 0, 2],  # (50, 40)
            [1.0, -0.5, 4],  # (75, 15)
            [-1.0, 0.5, -4],  # the same pixel, but behind the camera
            [1.0, 1, 0],  # in its plane
            [np.nan, 0, 2],
        ]
    ).double()
    pixels = np.array([[50, 40], [72, 19], [75, 15], [0, 0], [50, 40]])
    errors = pixel_errors(points_cam, K, pixels)
    assert errors.tolist() == [0.0, 5.0, np.inf, np.inf, np.inf]
