"""Metres from depth in model units, on exact cameras and depth."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from vantage3d.geometry.pose_encoding import encode_pose
from vantage3d.vggt_lora.models.scale import predict_depth

METRES = 7.5  # per unit of the model
SIZE = (6, 8)


def rotations(count: int, rng) -> torch.Tensor:
    q, r = np.linalg.qr(rng.normal(size=(count, 3, 3)))
    q *= np.sign(np.diagonal(r, axis1=1, axis2=2))[:, None]
    q *= np.sign(np.linalg.det(q))[:, None, None]
    return torch.from_numpy(q)


@pytest.fixture
def scene():
    """Two samples of four cameras in metres, and outputs that know them in units."""
    rng = np.random.default_rng(0)
    world2cam = torch.eye(4, dtype=torch.float64).repeat(2, 4, 1, 1)
    world2cam[..., :3, :3] = rotations(8, rng).view(2, 4, 3, 3)
    world2cam[..., :3, 3] = torch.from_numpy(rng.normal(size=(2, 4, 3)) * 5)
    first = world2cam[:, :1]
    relative = world2cam @ torch.linalg.inv(first)  # the model's world: camera 0
    relative[..., :3, 3] /= METRES
    K = torch.eye(3, dtype=torch.float64).expand(2, 4, 3, 3)
    depth = torch.from_numpy(rng.uniform(0.2, 3, size=(2, 4, *SIZE)))
    outputs = {
        "depth": depth[..., None].float(),
        "pose_enc": encode_pose(relative, K, SIZE).float(),
    }
    return outputs, world2cam.float(), (depth * METRES).float()


def test_poses_tell_the_scale(scene):
    outputs, world2cam, metres = scene
    found = predict_depth(outputs, world2cam=world2cam)
    assert found.scale_source == ["poses", "poses"]
    assert_close(found.scale, torch.full((2,), METRES), atol=1e-4, rtol=0)
    assert_close(found.depth, metres, atol=1e-3, rtol=1e-4)


def test_sparse_depth_tells_the_scale_and_outliers_do_not(scene):
    outputs, world2cam, metres = scene
    sparse = torch.where(torch.rand(metres.shape) < 0.5, metres, 0)
    sparse[:, 0, 0, :3] = 900.0
    found = predict_depth(outputs, world2cam, sparse)
    assert found.scale_source == ["sparse_depth", "sparse_depth"]
    assert_close(found.scale, torch.full((2,), METRES), atol=1e-3, rtol=0)


def test_what_cannot_tell_is_passed_over_and_said(scene):
    outputs, world2cam, metres = scene
    sparse = torch.zeros_like(metres)
    sparse[0, 0, 0] = metres[0, 0, 0]  # eight pixels
    found = predict_depth(outputs, world2cam, sparse)
    assert found.scale_source == ["poses", "poses"]
    found = predict_depth(outputs, world2cam, sparse, min_pixels=8)
    assert found.scale_source == ["sparse_depth", "poses"]
    still = world2cam.clone()
    still[1] = still[1, :1]
    found = predict_depth(outputs, still)
    assert found.scale_source == ["poses", "none"]
    assert found.scale[1] == 1
    assert torch.equal(found.depth[1], outputs["depth"][1, ..., 0])
    assert predict_depth(outputs).scale_source == ["none", "none"]


def test_jitter_of_a_standing_camera_is_no_baseline(scene):
    outputs, world2cam, _ = scene
    shaking = world2cam[:, :1].repeat(1, 4, 1, 1)
    shaking[..., :3, 3] += 0.01 * torch.randn(2, 4, 3)
    assert predict_depth(outputs, shaking).scale_source == ["none", "none"]


def test_predicted_cameras_that_coincide_or_are_not_finite(scene):
    outputs, world2cam, _ = scene
    outputs["pose_enc"][0] = outputs["pose_enc"][0, :1]
    outputs["pose_enc"][1, 2, 0] = torch.nan
    assert predict_depth(outputs, world2cam).scale_source == ["none", "none"]


def test_shapes_that_disagree(scene):
    outputs, world2cam, metres = scene
    with pytest.raises(ValueError, match=r"`world2cam`.*got \(2, 3, 4, 4\)"):
        predict_depth(outputs, world2cam[:, :3])
    with pytest.raises(ValueError, match=r"`sparse_depth`.*got \(2, 4, 6, 7\)"):
        predict_depth(outputs, sparse_depth=metres[..., 1:])
