"""True matches against closed forms: where points lie, and who sees them."""

import pytest
import torch

from tests.deltas.worlds import wall_batch
from vantage3d.deltas.correspondences import (
    nearest,
    true_matches,
    true_points,
)

LIMITS = (0.5, 10.0)
KEYPOINTS = torch.tensor([[[32.0, 24.0], [20, 30], [40, 10], [35, 35]]])


OCCLUSION = 0.05


def matches_of(batch, occlusion=OCCLUSION):
    points = true_points(KEYPOINTS, batch["depth"][:, 0], batch["K"][:, 0], LIMITS)
    cameras = batch["depth"], batch["K"], batch["cam2world"]
    return points, true_matches(points, *cameras, occlusion)


def test_points_lie_on_the_wall():
    batch = wall_batch(distance=2.5)
    points, _ = matches_of(batch)
    assert points.valid.all()
    K = batch["K"][0, 0]
    pixel = (points.points[0] @ K.T)[..., :2] / 2.5
    assert torch.allclose(pixel, KEYPOINTS[0], atol=1e-4)
    assert (points.points[..., 2] == 2.5).all()


def test_a_shifted_camera_sees_the_point_shifted_by_its_disparity():
    batch = wall_batch(distance=2.0, baselines=(0.2,))
    batch["cam2world"][0, 1] = torch.eye(4)
    batch["cam2world"][0, 1, 0, 3] = 0.2
    batch["K"][0, 1] = batch["K"][0, 0]
    batch["depth"][0, 1] = 2.0
    _, matches = matches_of(batch)
    disparity = batch["K"][0, 0, 0, 0] * 0.2 / 2.0
    moved = KEYPOINTS[0] - torch.tensor([float(disparity), 0.0])
    assert matches.valid.all()
    assert torch.allclose(matches.pixels[0, 0], moved, atol=1e-4)
    # The mistake that teaches a network that nothing ever moves.
    assert (matches.pixels[0, 0] - KEYPOINTS[0]).norm(dim=-1).min() > 5


def test_turned_cameras_with_other_lenses_agree():
    _, matches = matches_of(wall_batch())
    assert matches.valid.all()
    back = wall_batch()
    K, pose = back["K"][0, 2], back["cam2world"][0, 2]
    points, _ = matches_of(back)
    seen = (points.points[0] - pose[:3, 3]) @ pose[:3, :3]
    pixel = seen @ K.T
    assert torch.allclose(pixel[:, :2] / pixel[:, 2:], matches.pixels[0, 1], atol=1e-3)


def test_a_point_behind_something_nearer_is_no_match():
    batch = wall_batch()
    batch["depth"][0, 1] *= 0.9
    _, matches = matches_of(batch)
    assert not matches.valid[0, 0].any() and matches.valid[0, 1].all()
    _, loose = matches_of(batch, 0.11)
    assert loose.valid.all()


def test_without_depth_in_the_view_nobody_can_tell():
    batch = wall_batch()
    batch["depth"][0, 2] = 0
    _, matches = matches_of(batch)
    assert matches.valid[0, 0].all() and not matches.valid[0, 1].any()


def test_without_depth_in_the_anchor_there_is_no_point():
    batch = wall_batch()
    batch["depth"][0, 0, 24, 32] = 0
    points, matches = matches_of(batch)
    assert points.valid.tolist() == [[False, True, True, True]]
    assert not matches.valid[0, :, 0].any()
    assert points.points.isfinite().all() and matches.pixels.isfinite().all()


def test_points_behind_a_camera_and_outside_its_image_are_no_matches():
    batch = wall_batch(baselines=(9.0, 0.1))
    batch["cam2world"][0, 2] = torch.diag(torch.tensor([-1.0, 1, -1, 1]))
    _, matches = matches_of(batch)
    assert not matches.valid.any() and matches.pixels.isfinite().all()


def test_outside_of_the_image_there_is_nothing():
    maps = torch.arange(12.0).view(1, 1, 3, 4)
    pixels = torch.tensor([[[[0.0, 0.0], [1.0, 1.0], [-0.6, 1], [1.4, 1.2]]]])
    values, inside = nearest(maps, pixels)
    assert values.tolist() == [[[0, 5, 0, 5]]]
    assert inside.tolist() == [[[True, True, False, True]]]


def test_shapes_are_checked():
    batch = wall_batch()
    with pytest.raises(ValueError, match=r"`K` must have shape \(B=1, 3, 3\), got"):
        true_points(KEYPOINTS, batch["depth"][:, 0], batch["K"], LIMITS)
