"""Scattered points: ratios of depths count, the unit does not."""

import pytest
import torch

from tests.vggt_lora.losses.batches import wave_batch
from vantage3d.registry import MODELS
from vantage3d.vggt_lora.losses.dense_loss import SparsePointLoss

SHAPE = (2, 3, 20, 30)


def points(per_frame: int = 40) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Depth in metres, where there is a point, and weights of one."""
    generator = torch.Generator().manual_seed(0)
    depth = 2 + 20 * torch.rand(SHAPE, generator=generator)
    rank = torch.rand(SHAPE, generator=generator).flatten(2).argsort(-1).view(SHAPE)
    return depth, rank < per_frame, torch.ones(SHAPE)


def test_the_unit_of_each_sample_is_free():
    depth, mask, weights = points()
    unit = torch.tensor([0.05, 30.0]).view(2, 1, 1, 1)
    assert float(SparsePointLoss()(unit * depth, depth, mask, weights)) < 1e-6


def test_a_frame_out_of_scale_costs_the_logarithm():
    depth, mask, weights = points()
    pred = depth.clone()
    pred[:, 2] *= 1.5
    loss = SparsePointLoss(valid_range=-1)(pred, depth, mask, weights)
    assert float(loss) == pytest.approx(torch.tensor(1.5).log().item() / 3, rel=1e-5)


def test_frames_with_few_points_and_no_points():
    depth, mask, weights = points(9)
    pred = depth.square().requires_grad_()
    loss = SparsePointLoss()(pred, depth, mask, weights)
    loss.backward()
    assert loss == 0 and (pred.grad == 0).all()
    assert SparsePointLoss(min_valid=9)(pred, depth, mask, weights) > 0


def test_garbage_where_there_is_no_point():
    depth, mask, weights = points()
    pred = (1.1 * depth**1.1).requires_grad_()
    expected = SparsePointLoss()(pred, depth, mask, weights)
    depth[~mask] = 0
    loss = SparsePointLoss()(pred, depth, mask, weights)
    loss.backward()
    assert loss == expected and pred.grad.isfinite().all()


def test_in_the_objective_beside_the_cameras_of_the_network():
    batch = wave_batch()
    chance = torch.rand(
        batch["valid"].shape, generator=torch.Generator().manual_seed(0)
    )
    batch["valid"] &= chance < 0.02
    depth = (0.3 * batch["depth"] ** 1.2)[..., None].requires_grad_()
    criterion = MODELS.build(
        dict(type="MultiTaskLoss", sparse_points=dict(weight=2.0, valid_range=-1))
    )
    loss = criterion({"depth": depth}, batch)["loss_sparse_points"]
    logs = batch["depth"][batch["valid"]].log() * 0.2
    assert float(loss) == pytest.approx(2 * float((logs - logs.median()).abs().mean()))
