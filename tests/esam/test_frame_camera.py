import numpy as np
import pytest
import torch
from mmdet3d.structures.points import DepthPoints

from vantage3d.esam.datasets import (
    ElasticTransfrom,
    GlobalRotScaleTrans,
    RandomFlip3D,
)
from vantage3d.esam.frame_camera import (
    color_camera,
    pixel_errors,
    undo_augmentation,
)


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


K = [[100.0, 0, 39.5], [0, 100, 29.5], [0, 0, 1]]
K_COLOR = [[150.0, 0, 50.0], [0, 150, 30.0], [0, 0, 1]]
BETWEEN = [[1.0, 0, 0, -0.05], [0, 1, 0, 0.02], [0, 0, 1, 0.1], [0, 0, 0, 1]]
ONE = {"sample_idx": "s_2", "cam2img": K, "img_shape": [60, 80]}
TWO = {**ONE, "color_cam2img": K_COLOR, "color_shape": [72, 96]}


def test_an_info_file_with_one_camera_has_that_one():
    camera, points = color_camera(ONE), cloud()
    assert camera.K.tolist() == K and camera.size == (80, 60)
    assert camera.name == "img_shape" and camera.points(points) is points


def test_the_colour_camera_stands_where_the_info_file_says():
    camera = color_camera({**TWO, "depth2color": BETWEEN})
    assert camera.K.tolist() == K_COLOR and camera.size == (96, 72)
    found = camera.points(torch.tensor([[0.0, 0, 2], [1, 2, 3]]).double())
    expected = torch.tensor([[-0.05, 0.02, 2.1], [0.95, 2.02, 3.1]]).double()
    torch.testing.assert_close(found, expected)
    assert color_camera(TWO).depth2color is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"color_shape": None},
            r"has \['color_cam2img'\] of a .* no \['color_shape'\]",
        ),
        ({"color_shape": [240, 320]}, "color_cam2img of sample s_2 does not belong to"),
        ({"depth2color": np.eye(3).tolist()}, r"depth2color of sample s_2.*\(3, 3\)"),
        (
            {"depth2color": (2 * np.eye(4)).tolist()},
            "depth2color of sample s_2 is not rigid: det R = 8, .*depth-to-colour",
        ),
    ],
)
def test_a_colour_camera_that_cannot_be(change, message):
    with pytest.raises(ValueError, match=message):
        color_camera({**TWO, **change})


def test_a_place_without_a_colour_camera():
    with pytest.raises(ValueError, match=r"no \['color_cam2img', 'color_shape'\]"):
        color_camera({**ONE, "depth2color": BETWEEN})
