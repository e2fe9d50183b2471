"""The objective: closed forms, empty masks, and what would teach the wrong thing."""

import math

import pytest
import torch

from tests.deltas.worlds import outputs_of, wall_batch
from vantage3d.deltas.losses import DeltasLoss
from vantage3d.deltas.losses.deltas_loss import (
    DepthLoss,
    SmoothnessLoss,
    masked_smooth_l1,
    shrink,
)
from vantage3d.registry import MODELS

KEYPOINTS = torch.tensor([[[32.0, 24.0], [20, 30], [40, 10]]])
TERMS = dict(
    interest=dict(teacher=dict(type="CornerTeacher")),
    matches=dict(),
    points=dict(),
    smoothness=dict(),
)
DEPTHS = ["loss_depth_8", "loss_depth_4", "loss_depth_2", "loss_depth_1"]


def losses_of(batch, outputs, **options):
    return MODELS.build(dict(type="DeltasLoss", **options))(outputs, batch)


def objective(losses):
    return sum(value for name, value in losses.items() if "loss" in name)


def test_the_right_answer_costs_nothing():
    batch = wall_batch()
    outputs = outputs_of(batch, KEYPOINTS)
    losses = losses_of(batch, outputs)
    assert set(losses) == {*DEPTHS, "true_points", "true_matches", "triangulated"}
    assert all(losses[name] == 0 for name in DEPTHS)
    assert losses["true_points"] == losses["true_matches"] == 1


def test_a_tenth_too_deep_costs_its_square_with_the_weight_of_each_scale():
    batch = wall_batch(distance=2.0)
    losses = losses_of(batch, outputs_of(batch, KEYPOINTS, scale=1.1))
    for name, weight in zip(DEPTHS, (0.686, 0.98, 1.4, 2.0)):
        assert float(losses[name]) == pytest.approx(weight * 0.2**2 / 2, rel=1e-4)


def test_matches_are_pulled_to_the_reprojection_not_to_the_anchor():
    batch = wall_batch()
    outputs = outputs_of(batch, KEYPOINTS)
    outputs["matches"] = KEYPOINTS[:, None].expand(1, 2, 3, 2).clone().requires_grad_()
    losses = losses_of(batch, outputs, matches=dict(weight=1.0))
    assert losses["loss_matches"] > 1
    losses["loss_matches"].backward()
    # The first view stands to the right: everything is farther left in it.
    assert (outputs["matches"].grad[0, 0, :, 0] > 0).all()


def test_every_loss_reaches_the_network():
    batch = wall_batch()
    outputs = outputs_of(batch, KEYPOINTS, scale=1.1)
    objective(losses_of(batch, outputs, **TERMS)).backward()
    for name in ("score_logits", "matches", "points_anchor"):
        assert outputs[name].grad.abs().sum() > 0, name
    for scale in outputs["depth_pyramid"]:
        assert scale.grad.abs().min() > 0


@pytest.mark.parametrize("spoil", ["depth", "keypoints", "range"])
def test_nothing_valid_gives_tensors_with_zero_gradients(spoil):
    batch = wall_batch()
    outputs = outputs_of(batch, KEYPOINTS)
    if spoil == "depth":
        batch["depth"].zero_()
    elif spoil == "keypoints":
        batch["depth"][0, 0] = 50.0
    else:
        outputs["range_kp"][:] = False
        outputs["point_valid"][:] = False
    with torch.no_grad():
        outputs["points_anchor"][:] = float("nan")
    losses = losses_of(batch, outputs, **TERMS)
    for name in ("loss_matches", "loss_points"):
        assert isinstance(losses[name], torch.Tensor) and losses[name].requires_grad
        assert losses[name] == 0
    total = objective(losses)
    total.backward()
    assert total.isfinite()
    assert (outputs["matches"].grad == 0).all()
    assert (outputs["points_anchor"].grad == 0).all()


def test_a_point_that_could_not_be_triangulated_spoils_no_other():
    batch = wall_batch()
    outputs = outputs_of(batch, KEYPOINTS)
    with torch.no_grad():
        outputs["points_anchor"][0, 1] = float("nan")
        outputs["points_anchor"][0, 2] = torch.tensor([0.0, 0, 1e6])
    loss = losses_of(batch, outputs, points=dict())["loss_points"]
    loss.backward()
    gradient = outputs["points_anchor"].grad
    assert loss.isfinite() and gradient.isfinite().all()
    assert (gradient[0, 0] != 0).any() and (gradient[0, 1:] == 0).all()


def test_a_depth_that_is_not_finite_shows():
    """The optimizer skips and counts such a step: nothing may hide it."""
    batch = wall_batch()
    outputs = outputs_of(batch, KEYPOINTS)
    with torch.no_grad():
        outputs["depth_pyramid"][-1][0, 0, 3, 3] = float("nan")
    losses = losses_of(batch, outputs)
    assert math.isnan(losses["loss_depth_1"]) and losses["loss_depth_2"].isfinite()


def test_holes_have_no_say():
    batch = wall_batch()
    batch["depth"][0, 0, :, ::2] = 0
    outputs = outputs_of(wall_batch(), KEYPOINTS)
    assert losses_of(batch, outputs)["loss_depth_1"] == 0


def test_shrinking_mixes_no_surfaces():
    depth = torch.full((1, 16, 16), 1.0)
    depth[:, :, 8:] = 5.0
    depth[:, ::2] = 0.0
    small, valid = shrink(depth, (2, 2), (0.5, 10.0))
    assert set(small.unique().tolist()) <= {0.0, 1.0, 5.0}
    assert (valid == (small > 0)).all()
    odd, _ = shrink(torch.ones(1, 15, 17), (2, 3), (0.5, 10.0))
    assert odd.shape == (1, 2, 3) and (odd == 1).all()


def test_smoothness_of_a_ramp_and_at_an_edge():
    ramp = torch.arange(8.0).expand(1, 8, 8)
    flat = torch.zeros(1, 3, 8, 8)
    assert SmoothnessLoss()(ramp, flat) == pytest.approx(1)
    edge = flat.clone()
    edge[..., 4:] = 1
    step = (torch.arange(8) >= 4).float().expand(1, 8, 8)
    plain, forgiven = SmoothnessLoss()(step, flat), SmoothnessLoss()(step, edge)
    assert float(forgiven / plain) == pytest.approx(math.exp(-1))
    sharper = SmoothnessLoss(sharpness=3.0)(step, edge)
    assert float(sharper / plain) == pytest.approx(math.exp(-3))


def test_a_mean_over_nothing_is_connected():
    values = torch.full((3, 1), float("nan"), requires_grad=True)
    nothing = torch.zeros(3, dtype=torch.bool)
    masked_smooth_l1(values, values.detach(), nothing, beta=1.0).backward()
    assert values.grad.tolist() == [[0], [0], [0]]


def test_smooth_l1_by_hand():
    pred, truth = torch.tensor([[0.5], [3.0], [9.0]]), torch.zeros(3, 1)
    mask = torch.tensor([True, True, False])
    loss = masked_smooth_l1(pred, truth, mask, beta=1.0)
    assert float(loss) == pytest.approx((0.125 + 2.5) / 2)


def test_full_resolution_must_have_a_loss():
    with pytest.raises(ValueError, match=r"full resolution first .*\(0\.0, 1\.4"):
        DepthLoss(weights=[0.0, 1.4, 0.98, 0.686])
    with pytest.raises(ValueError, match=r"four numbers.*got \(1\.0, 1\.0\)"):
        DepthLoss(weights=[1.0, 1.0])


def test_a_pyramid_without_full_resolution_is_refused():
    batch = wall_batch()
    outputs = outputs_of(batch, KEYPOINTS)
    outputs["depth_pyramid"] = outputs["depth_pyramid"][:3]
    with pytest.raises(ValueError, match=r"the last \(48, 64\), got \[\(6, 8\)"):
        losses_of(batch, outputs)


def test_limits_are_checked():
    with pytest.raises(ValueError, match=r"`limits` must be .* got \(2, 1\)"):
        DeltasLoss(limits=(2, 1))
