"""The classical baseline on a textured wall, where every depth is known."""

import cv2
import numpy as np
import pytest
import torch

from tests.deltas.worlds import wall_batch
from vantage3d.deltas.evaluation.classical import (
    ClassicalBaseline,
    fill,
    fundamental,
    line_distance,
    predict_sample,
)
from vantage3d.geometry.cameras import pixel_grid

SIZE = (120, 160)


def textured_wall() -> dict:
    """One sample without leading dimension: views of a wall with a painted texture."""
    batch = wall_batch(distance=2.0, size=SIZE)
    rng = np.random.default_rng(0)
    small = rng.uniform(0, 255, (120, 160, 3)).astype(np.float32)
    texture = cv2.resize(small, (960, 720), interpolation=cv2.INTER_CUBIC)
    images = []
    for K, pose, depth in zip(batch["K"][0], batch["cam2world"][0], batch["depth"][0]):
        pixels = pixel_grid(*SIZE, K)
        rays = torch.cat([pixels, torch.ones(*SIZE, 1)], -1) @ torch.linalg.inv(K).T
        points = (rays * depth[..., None]) @ pose[:3, :3].T + pose[:3, 3]
        where = (points[..., :2] * 240 + torch.tensor([480.0, 360])).numpy()
        view = cv2.remap(texture, where[..., 0], where[..., 1], cv2.INTER_LINEAR)
        images.append(torch.from_numpy(view).permute(2, 0, 1) / 255)
    sample = {k: v[0] for k, v in batch.items() if torch.is_tensor(v)}
    return sample | {"images": torch.stack(images).clamp(0, 1)}


@pytest.fixture(scope="module")
def sample() -> dict:
    return textured_wall()


@pytest.mark.parametrize("detector", ["sift", "orb"])
def test_points_lie_on_the_wall(sample, detector):
    answer = predict_sample(ClassicalBaseline(detector), sample)
    z = answer["points_anchor"][answer["point_valid"], 2]
    assert len(z) > 30
    assert float((z - 2).abs().median()) < 0.05
    dense = answer["pred_depth"]
    assert dense.shape == SIZE and float((dense - 2).abs().median()) < 0.08


def test_wrong_poses_leave_little(sample):
    right = predict_sample(ClassicalBaseline(), sample)
    poses = sample["cam2world"].clone()
    poses[1:, :3] = poses[1:, :3].roll(1, dims=1)
    wrong = predict_sample(ClassicalBaseline(), sample | {"cam2world": poses})
    assert wrong["point_valid"].sum() < 0.2 * right["point_valid"].sum()


def test_images_without_texture_have_no_points(sample):
    flat = sample | {"images": torch.full_like(sample["images"], 0.5)}
    answer = predict_sample(ClassicalBaseline(), flat)
    assert len(answer["keypoints"]) == 0 and (answer["pred_depth"] == 0).all()


def test_true_matches_lie_on_their_epipolar_lines(sample):
    K = sample["K"].double().numpy()
    ref2src = np.linalg.inv(sample["cam2world"][1].double().numpy())
    F = fundamental(K[0], K[1], ref2src)
    rng = np.random.default_rng(1)
    points = np.column_stack([rng.uniform(-0.4, 0.4, (20, 2)), rng.uniform(1, 5, 20)])
    ref = points @ K[0].T
    src = (points @ ref2src[:3, :3].T + ref2src[:3, 3]) @ K[1].T
    ref, src = ref[:, :2] / ref[:, 2:], src[:, :2] / src[:, 2:]
    assert line_distance(F, ref, src).max() < 1e-6
    lines = np.column_stack([ref, np.ones(20)]) @ F.T
    across = lines[:, :2] / np.linalg.norm(lines[:, :2], axis=1, keepdims=True)
    assert np.allclose(line_distance(F, ref, src + 3 * across), 3)


def test_depth_between_points_is_linear():
    pixels = np.array([[0.0, 0], [10, 0], [0, 8], [10, 8]])
    depth = fill(pixels, 1 + 0.1 * pixels[:, 0], (9, 11))
    assert np.allclose(depth, 1 + 0.1 * np.arange(11))
    assert (fill(pixels[:1], np.array([3.0]), (4, 5)) == 3).all()
    assert (fill(pixels[:0], np.zeros(0), (4, 5)) == 0).all()


def test_unknown_detector():
    with pytest.raises(ValueError, match=r"`detector` must be .* got 'surf'"):
        ClassicalBaseline("surf")
