"""The terms against slow versions that follow the definitions pixel by pixel."""

import numpy as np
import pytest
import torch

from vantage3d.vggt_lora.losses.camera_loss import CameraLoss
from vantage3d.vggt_lora.losses.dense_loss import DenseLoss, gradient_loss, normal_loss
from vantage3d.vggt_lora.losses.weighting import (
    filtered_mean,
    supervised_frames,
    weighted_mean,
)


def random_maps(channels: int, size: tuple[int, int] = (6, 7)):
    generator = torch.Generator().manual_seed(0)
    shape = (2, *size)
    pred, target = (
        torch.randn(*shape, channels, generator=generator) for _ in range(2)
    )
    mask = torch.rand(shape, generator=generator) < 0.8
    return pred, target, mask, torch.rand(shape, generator=generator) + 0.1


@pytest.mark.parametrize("channels", [1, 3])
def test_gradient_loss_pixel_by_pixel(channels):
    pred, target, mask, weights = random_maps(channels)
    error, total = (pred - target).numpy(), 0.0
    for n, y, x in np.ndindex(*mask.shape):
        for y2, x2 in ((y + 1, x), (y, x + 1)):
            if y2 < mask.shape[1] and x2 < mask.shape[2]:
                both = mask[n, y, x] and mask[n, y2, x2]
                share = min(float(weights[n, y, x]), float(weights[n, y2, x2]))
                step = np.abs(error[n, y2, x2] - error[n, y, x]).sum()
                total += step * share if both else 0
    expected = total / (float(weights[mask].sum()) * channels)
    assert float(gradient_loss(pred, target, mask, weights)) == pytest.approx(expected)


def test_normal_loss_pixel_by_pixel():
    pred, target, mask, weights = random_maps(3)
    losses, shares = [], []
    corners = [
        ((-1, 0), (0, -1)),
        ((0, -1), (1, 0)),
        ((1, 0), (0, 1)),
        ((0, 1), (-1, 0)),
    ]
    for n, y, x in np.ndindex(*mask.shape):
        for corner in corners:
            places = [(y + dy, x + dx) for dy, dx in ((0, 0), *corner)]
            inside = all(
                0 <= a < mask.shape[1] and 0 <= b < mask.shape[2] for a, b in places
            )
            if inside and all(mask[n, a, b] for a, b in places):
                normals = [_normal(points[n], places) for points in (pred, target)]
                losses.append(1 - normals[0] @ normals[1])
                shares.append(float(weights[n, y, x]))
    expected = np.average(losses, weights=shares)
    assert float(normal_loss(pred, target, mask, weights)) == pytest.approx(
        expected, rel=1e-5
    )


def _normal(points: torch.Tensor, places) -> np.ndarray:
    centre, first, second = (points[place].double().numpy() for place in places)
    normal = np.cross(first - centre, second - centre)
    return normal / np.linalg.norm(normal)


def test_fewer_than_ten_normals_say_nothing():
    pred, target, mask, weights = random_maps(3)
    mask[:] = False
    mask[0, :2, :3] = True  # 8 corners
    assert float(normal_loss(pred.requires_grad_(), target, mask, weights)) == 0
    mask[0, 2, :3] = True
    assert float(normal_loss(pred, target, mask, weights)) > 0


def test_quantile_filter_drops_the_largest():
    values = torch.arange(2000.0).flip(0) / 100
    ones = torch.ones_like(values)
    # the nearest sample of the quantile 0.75 has rank 1 + 1499; those below it stay
    assert float(filtered_mean(values, ones, 0.75)) == pytest.approx(1498 / 200)
    assert float(filtered_mean(values, ones, -1)) == pytest.approx(1999 / 200)


def test_quantile_filter_leaves_few_values_alone():
    few = torch.arange(1000.0)
    assert float(filtered_mean(few, torch.ones(1000), 0.5)) == pytest.approx(499.5)
    # 1100 values, 1045 at the threshold itself: what would remain is too little
    tied = torch.cat([torch.zeros(55), torch.ones(1045)])
    kept = filtered_mean(tied, torch.ones(1100), 0.98)
    assert float(kept) == pytest.approx(1045 / 1100)


def test_weights_do_not_decide_what_is_filtered():
    values = torch.arange(2000.0) / 100
    weights = torch.where(values > 15, 1e6, 1.0)
    filtered = filtered_mean(values, weights, 0.75)
    assert float(filtered) == pytest.approx(1498 / 200, rel=1e-4)


def test_mean_of_nothing_is_zero_and_connected():
    values = torch.ones(5, requires_grad=True)
    mean = weighted_mean(values[:0], torch.ones(0))
    mean.backward()
    assert mean == 0 and values.grad.tolist() == [0] * 5


def test_supervised_frames():
    mask = torch.zeros(1, 2, 4, 5, dtype=torch.bool)
    mask[0, 0, :2] = True
    assert supervised_frames(mask, 10).tolist() == [[True, False]]
    assert supervised_frames(mask, 11).tolist() == [[False, False]]


def test_camera_loss_of_lengths():
    target = torch.zeros(1, 1, 9)
    stage = torch.tensor([3.0, 4, 0, 0, 1, 0, 0, 0.6, 0.8]).view(1, 1, 9)
    frames = torch.ones(1, 1, dtype=torch.bool)
    parts = CameraLoss(loss_type="l2")([stage], target, frames)
    assert {key: float(value) for key, value in parts.items()} == pytest.approx(
        {"camera": 6.5, "T": 5, "R": 1, "FL": 1}
    )


def test_early_stages_count_less():
    target, frames = torch.zeros(1, 1, 9), torch.ones(1, 1, dtype=torch.bool)
    wrong = target.clone()
    wrong[..., :3] = 1
    first = CameraLoss()([wrong, target, target], target, frames)["T"]
    last = CameraLoss()([target, target, wrong], target, frames)["T"]
    assert (float(first), float(last)) == pytest.approx((0.36 / 3, 1 / 3))


def test_confidence_is_least_at_alpha_by_residual():
    conf = torch.full((1, 1, 40, 40), 2.0, requires_grad=True)
    target, mask = torch.zeros(1, 1, 40, 40, 1), torch.ones(1, 1, 40, 40).bool()
    for residual, sign in ((0.05, -1), (0.1, 0), (0.2, 1)):  # alpha / r is 4, 2, 1
        terms = DenseLoss()(target + residual, target, conf, mask, mask.float())
        (grad,) = torch.autograd.grad(terms["conf"], conf)
        assert torch.sign(grad.sum().round(decimals=6)) == sign, residual


@pytest.mark.parametrize("term", [CameraLoss, DenseLoss])
def test_unknown_names(term):
    key = "loss_type" if term is CameraLoss else "gradient_loss_fn"
    with pytest.raises(ValueError, match=f"`{key}` must be one of .*, got 'huber'"):
        term(**{key: "huber"})
