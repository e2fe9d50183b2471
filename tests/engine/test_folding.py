"""Folded batch norms: every system computes the same, and what cannot be is refused."""

import pytest
import torch
from torch import nn

from tests.deltas.models.networks import batch as views
from tests.deltas.models.networks import narrow as deltas
from tests.esam.models.pictures import (
    injection_changes,
    picture_batch,
    picture_frame,
    randomize,
)
from tests.esam.models.scenes import narrow_model
from vantage3d.backbones2d.networks import create_resnet
from vantage3d.engine.folding import fold_norms


def experienced(network: nn.Module) -> nn.Module:
    """In evaluation mode, with norms that do something."""
    generator = torch.Generator().manual_seed(1)
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for value in (module.weight, module.running_var):
                if value is not None:
                    value.data.uniform_(0.5, 2.0, generator=generator)
            for value in (module.bias, module.running_mean):
                if value is not None:
                    value.data.normal_(generator=generator)
    return network.eval()


def norms(network: nn.Module) -> int:
    kind = nn.modules.batchnorm._BatchNorm
    return sum(isinstance(module, kind) for module in network.modules())


def check(network: nn.Module, run, left: int = 0) -> None:
    with torch.no_grad():
        before, count = run(), norms(network)
        assert fold_norms(network, run) == count - left > 0
        assert norms(network) == left
        largest = float(before.abs().max())
        torch.testing.assert_close(run(), before, rtol=1e-5, atol=1e-5 * largest)


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Linear(6, 4), nn.BatchNorm1d(4)],
        [nn.Conv1d(6, 4, 3), nn.BatchNorm1d(4, affine=False), nn.ReLU(inplace=True)],
        [nn.Conv2d(6, 4, 3, groups=2, bias=False), nn.BatchNorm2d(4), nn.ReLU()],
        [nn.Conv3d(6, 4, 1), nn.BatchNorm3d(4, eps=0.1)],
        [nn.ConvTranspose2d(6, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1)],
    ],
)
def test_layers_of_torch(layers):
    torch.manual_seed(0)
    network = experienced(nn.Sequential(*layers))
    if isinstance(layers[0], nn.Linear):
        x = torch.randn(5, 6)
    else:
        x = torch.randn(2, 6, *[5] * (layers[0].weight.ndim - 2))
    check(network, lambda: network(x))


@pytest.mark.parametrize(
    "backend", ["torch", pytest.param("minkowski", marks=pytest.mark.minkowski)]
)
def test_esam(backend):
    if backend == "minkowski":
        pytest.importorskip("MinkowskiEngineBackend", reason="needs `make minkowski`")
    changes = injection_changes()
    changes["backbone"]["backend"] = backend
    model = experienced(narrow_model(**changes))
    randomize(model)
    data = picture_batch(picture_frame(0, 400), picture_frame(1, 300))
    check(model, lambda: torch.cat(model.extract_feat(**data).sp_feats))
    assert {"conv0p1s1.bias", "block1.0.conv2.bias"} <= set(model.backbone.state_dict())


def test_deltas():
    torch.manual_seed(0)
    network, data = experienced(deltas()), views()
    keypoints = torch.randint(4, 40, (2, 24, 2)).float()

    def run() -> torch.Tensor:
        found = network.estimate(data, keypoints=keypoints)
        parts = found["score_logits"], found["descriptors"], *found["depth_pyramid"]
        return torch.cat([part.flatten() / part.abs().max() for part in parts])

    # the matcher's norm is a temperature, the other of trinet is unused
    check(network, run, left=2)


def test_an_image_network_of_timm_keeps_its_activations():
    network = experienced(create_resnet())
    x = torch.rand(1, 3, 64, 64)
    check(network, lambda: network.forward_features(x))


class Residual(nn.Module):
    """Takes a convolution's result twice, once past the norm."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)

    def forward(self, x):
        x = self.conv(x)
        return x + self.norm(x)


def test_what_would_change_the_result_is_refused():
    network, x = experienced(Residual()), torch.randn(1, 3, 8, 8)
    before = network(x)
    with pytest.raises(ValueError, match=r"Residual differs by .* folding 1 batch"):
        fold_norms(network, lambda: network(x))
    assert torch.equal(network(x), before) and norms(network) == 1


def test_a_norm_that_two_convolutions_share_stays():
    network = experienced(nn.ModuleList([nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)]))
    conv, norm = network
    x = torch.randn(1, 3, 8, 8)
    assert fold_norms(network, lambda: norm(conv(x)) + norm(x)) == 0


def test_training_is_refused():
    with pytest.raises(ValueError, match="Residual is in training mode"):
        fold_norms(Residual(), torch.zeros(1).clone)
