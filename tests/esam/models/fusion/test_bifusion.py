"""Fusion beside its equations written out, and inside the detector."""

import math

import pytest
import torch

from tests.esam.models.pictures import (
    CHANNELS,
    SOURCE,
    SPACE,
    picture_batch,
    picture_frame,
    randomize,
    unseen,
)
from tests.esam.models.scenes import narrow_model
from vantage3d.esam.models.fusion.bifusion import (
    BiFusionEncoder,
    LiteFusionGate,
    fusion_statistics,
    length_statistics,
)
from vantage3d.esam.models.fusion.image_sampling import StoredFeatures

FUSION = {
    "type": "BiFusionEncoder",
    "channels": CHANNELS,
    "point_channels": 8,
    "width": 32,
}


def fused_model(trained: bool = True, **changes):
    model = narrow_model(fusion={**FUSION, **changes}, image_features=SOURCE)
    if trained:
        randomize(model)
    return model


def run(model, data, mode="tensor"):
    return model(**model.data_preprocessor(data, training=mode == "loss"), mode=mode)


def frames():
    return [picture_frame(0, 700), picture_frame(1, 400, 2)]


def unit(row):
    return row / max(math.sqrt(sum(float(x) ** 2 for x in row)), 1e-12)


@torch.no_grad()
def naive_gate(gate, f2d, f3d, valid):
    """The gate's formula, one point after the other."""
    ratio = float(valid.float().mean())
    mixed, alphas = [], []
    for two, three, seen in zip(f2d, f3d, valid):
        f2 = unit(two) if seen else torch.zeros_like(two)
        f3 = unit(three)
        hidden = gate.point_mlp[1](gate.point_mlp[0](torch.cat([f2, f3]))).relu()
        logit = float(gate.point_mlp[4](hidden))
        alpha = 1 / (1 + math.exp(-logit)) if seen else 0.3 * ratio
        mixed.append(alpha * f2 + (1 - alpha) * f3)
        alphas.append(alpha)
    mean = torch.stack([row for row, seen in zip(mixed, valid) if seen]).mean(0)
    se = gate.se
    weight = torch.sigmoid(
        se.excite.weight @ (se.squeeze(mean)).relu() + se.excite.bias
    )
    return torch.stack([unit(row * weight) for row in mixed]), torch.tensor(alphas)


def test_gate_is_the_equations():
    torch.manual_seed(0)
    gate = LiteFusionGate(32).eval()
    sizes = [9, 5]
    f2d, f3d = torch.randn(14, 32), torch.randn(14, 32)
    valid = torch.rand(14) < 0.6
    out, alpha = gate(f2d, f3d, valid, sizes)
    for part in (slice(0, 9), slice(9, 14)):
        expected, weights = naive_gate(gate, f2d[part], f3d[part], valid[part])
        torch.testing.assert_close(out[part], expected)
        torch.testing.assert_close(alpha[part, 0], weights)


def test_gate_starts_near_a_weight_of_sigmoid_one():
    torch.manual_seed(0)
    gate = LiteFusionGate(32)
    assert gate.point_mlp[4].bias.tolist() == [1]
    valid = torch.ones(200, dtype=torch.bool)
    _, alpha = gate.eval()(torch.randn(200, 32), torch.randn(200, 32), valid, [200])
    assert abs(float(alpha.detach().mean()) - 1 / (1 + math.exp(-1))) < 0.1


def test_whole_fusion_samples_before_it_projects_nothing_else():
    """Projecting the map's cells gives what projecting the points' features gives."""
    torch.manual_seed(0)
    net = BiFusionEncoder(CHANNELS, 8, 32).eval()
    torch.nn.init.normal_(net.out_proj.weight)
    torch.nn.init.normal_(net.precomp_adapter[0].bias)
    data = picture_batch(*frames())
    images = StoredFeatures(SPACE, CHANNELS)(data["inputs"], data["data_samples"])
    feats = torch.randn(1100, 8)
    f2 = net.head2d(net.precomp_adapter(images.sample()))
    f3 = net.head3d(net.proj_3d(feats))
    mixed, alpha = net.fusion_gate(f2, f3, images.valid, images.lengths)
    fused = net(feats, images)
    torch.testing.assert_close(fused.feats, feats + net.out_proj(mixed * 32**0.5))
    torch.testing.assert_close(fused.alpha, alpha)


@pytest.mark.bitwise
def test_it_starts_as_the_plain_network():
    plain, fused = narrow_model().eval(), fused_model(trained=False).eval()
    data = picture_batch(*frames())
    expected, got = run(plain, data), run(fused, data)
    for key in ("cls_preds", "masks", "sem_preds"):
        assert all(torch.equal(a, b) for a, b in zip(expected[key], got[key]))
    state = fused.state_dict()
    assert {k for k in state if not k.startswith("fusion.")} == set(plain.state_dict())
    assert "fusion.precomp_adapter.0.weight" in state


def test_every_weight_is_trained_and_terms_are_finite():
    model = fused_model()
    losses = run(model, picture_batch(*frames()), "loss")
    total, log = model.parse_losses(losses)
    total.backward()
    assert not [n for n, p in model.named_parameters() if p.grad is None]
    assert all(torch.as_tensor(value).isfinite() for value in log.values())
    summed = sum(v for k, v in losses.items() if "loss" in k)
    torch.testing.assert_close(total, summed)
    assert 0.1 < float(log["valid_projection_ratio"]) < 0.95
    assert float(log["fusion/update_ratio"]) > 0
    assert float(log["fusion/share_2d"] + log["fusion/share_3d"]) == pytest.approx(1)


def test_each_frame_of_a_batch_uses_its_own_image():
    model, batch = fused_model().eval(), frames()
    both = run(model, picture_batch(*batch))
    (p0, f0, s0), (p1, f1, s1) = batch
    swapped = run(model, picture_batch((p0, f1, s0), (p1, f0, s1)))
    for i, single in enumerate(batch):
        alone = run(model, picture_batch(single))
        for key in ("cls_preds", "masks", "sem_preds"):
            torch.testing.assert_close(both[key][i], alone[key][0])
        assert not torch.allclose(both["masks"][i], swapped["masks"][i])


def test_frames_without_a_visible_point_train():
    model = fused_model()
    losses = run(model, picture_batch(unseen(picture_frame(0, 500))), "loss")
    total, log = model.parse_losses(losses)
    total.backward()
    assert all(torch.as_tensor(value).isfinite() for value in log.values())
    assert float(log["fusion_balance_loss"]) == 0
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert all(g.isfinite().all() for g in gradients)


def test_statistics_by_hand():
    f2 = torch.tensor([[3.0, 4], [0, 2], [9, 9]])
    f3 = torch.tensor([[4.0, 3], [0, -1], [9, 9]])
    alpha = torch.tensor([[0.2], [0.6], [0.9]])
    got = fusion_statistics(f2, f3, alpha, torch.tensor([True, True, False]))
    expected = {
        "share_2d": 0.8 / 3,
        "share_3d": 1 - 0.8 / 3,
        "alpha_mean": 0.4,
        "alpha_std": 0.2,
        "alpha_min": 0.2,
        "alpha_max": 0.6,
        "cosine": (0.96 - 1) / 2,
    }
    assert {f"fusion/{k}": pytest.approx(v) for k, v in expected.items()} == {
        k: float(v) for k, v in got.items()
    }


def test_balance_loss_is_the_distance_of_the_mean_weight():
    model = fused_model(balance_target=0.1, balance_weight=2.0)
    losses = run(model, picture_batch(*frames()), "loss")
    off = float(losses["fusion/alpha_mean"]) - 0.1
    assert float(losses["fusion_balance_loss"].detach()) == pytest.approx(2 * off**2)


def test_lengths_by_hand():
    image, point = torch.tensor([[3.0, 4], [9, 9]]), torch.tensor([[0.0, 2], [9, 9]])
    feats, update = torch.tensor([[8.0], [2]]), torch.tensor([[1.0], [3]])
    valid = torch.tensor([True, False])
    got = length_statistics(image, point, feats, update, valid)
    expected = {"norm_2d": 5, "norm_3d": 2, "norm_ratio": 2.5, "update_ratio": 0.4}
    assert {k: float(v) for k, v in got.items()} == {
        f"fusion/{k}": pytest.approx(v) for k, v in expected.items()
    }


def test_half_precision_stays_close():
    model = fused_model().eval()
    halves = [(points, feats.half(), sample) for points, feats, sample in frames()]
    plain = run(model, picture_batch(*frames()))["masks"][0]
    with torch.autocast("cpu", torch.bfloat16):
        low = run(model, picture_batch(*halves))["masks"][0]
        losses = run(model.train(), picture_batch(*halves), "loss")
    assert (low - plain).abs().max() < 0.2 * plain.abs().max()
    assert all(value.isfinite() for value in losses.values())
