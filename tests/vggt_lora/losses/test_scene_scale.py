"""Normalisation against the published values and a slow version."""

import pytest
import torch

from tests.vggt_lora.losses.batches import truth_of, wave_batch
from vantage3d.geometry import invert_rigid, unproject
from vantage3d.vggt_lora.losses import normalize_scene


def normalized(batch, statistic="mean"):
    return normalize_scene(*truth_of(batch), statistic)


def test_published_values():
    batch = wave_batch()
    scene = normalized(batch)
    near = dict(rel=1e-4)
    assert float(scene.scale) == pytest.approx(5.732196, **near)
    step = scene.world2cam[0, 1, :3, 3].tolist()
    assert step == pytest.approx([-0.207721, 0.052336, -0.034995], rel=1e-3)
    point = scene.world_points[0, 1, 10, 20].tolist()
    assert point == pytest.approx([-0.022895, -0.17793, 0.59858], rel=1e-3)
    assert float(scene.depths[0, 1, 10, 20]) == pytest.approx(0.556202, **near)


def test_normalised_depth_camera_and_points_agree():
    batch = wave_batch(2)
    scene = normalized(batch)
    points = unproject(scene.depths, batch["K"], invert_rigid(scene.world2cam))
    assert torch.allclose(points, scene.world_points, atol=1e-5)
    distances = scene.world_points[batch["valid"]].norm(dim=-1)
    assert float(distances.mean()) == pytest.approx(1, rel=1e-5)
    first = torch.eye(4).expand(2, 4, 4)
    assert torch.allclose(scene.world2cam[:, 0], first, atol=1e-7)


def test_the_median_ignores_a_few_far_points():
    batch = wave_batch()
    clean = {s: float(normalized(batch, s).scale) for s in ("mean", "median")}
    batch["depth"][0, 0, :2] += 1000
    spoilt = {s: float(normalized(batch, s).scale) for s in ("mean", "median")}
    assert spoilt["mean"] > 2 * clean["mean"]
    assert spoilt["median"] == pytest.approx(clean["median"], rel=0.03)


def test_samples_have_their_own_scale_and_an_empty_one_none():
    batch = wave_batch(2)
    batch["valid"][1] = False
    scene = normalized(batch)
    assert float(scene.scale[0]) == pytest.approx(5.732196, rel=1e-5)
    assert float(scene.scale[1]) == 1
    assert (scene.depths[1] == 0).all() and (scene.world_points[1] == 0).all()


def test_unknown_statistic():
    with pytest.raises(ValueError, match=r"`statistic` must be .*'median', got 'mode'"):
        normalized(wave_batch(), "mode")
