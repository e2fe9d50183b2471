"""The backbone beyond its golden values."""

from importlib.util import find_spec

import pytest
import torch

from tests.esam.models.scenes import model_config
from vantage3d.esam.models import Res16UNet34C
from vantage3d.sparse import SparseTensor


def narrow(**changes):
    config = {k: v for k, v in model_config()["backbone"].items() if k != "type"}
    torch.manual_seed(0)
    return Res16UNet34C(**{**config, **changes})


def voxels():
    generator = torch.Generator().manual_seed(0)
    coords = torch.unique(torch.randint(-8, 8, (200, 4), generator=generator), dim=0)
    coords[:, 0] %= 2
    coords = torch.unique(coords, dim=0)
    return SparseTensor(torch.randn(len(coords), 3, generator=generator), coords)


def test_clouds_of_a_batch_do_not_touch_in_evaluation():
    net, x = narrow().eval(), voxels()
    out = net(x).features
    for cloud in range(2):
        inside = x.coordinates[:, 0] == cloud
        alone = SparseTensor(x.features[inside], x.coordinates[inside])
        torch.testing.assert_close(net(alone).features, out[inside])


def test_order_of_voxels_is_kept():
    net, x = narrow().eval(), voxels()
    shuffle = torch.randperm(len(x.features))
    y = SparseTensor(x.features[shuffle], x.coordinates[shuffle])
    torch.testing.assert_close(net(y).features, net(x).features[shuffle])


def test_every_weight_is_trained():
    net = narrow()
    net(voxels()).features.square().sum().backward()
    assert not [n for n, p in net.named_parameters() if p.grad is None]


@pytest.mark.minkowski
def test_engines_agree():
    if find_spec("MinkowskiEngine") is None:
        pytest.skip("MinkowskiEngine is not installed")
    ours, other = narrow().eval(), narrow(backend="minkowski").eval()
    other.load_state_dict(ours.state_dict())
    x = voxels()
    y = other.engine.tensor(x.features, x.coordinates)
    torch.testing.assert_close(ours(x).features, other(y).features)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"planes": (8, 8)}, r"`planes` must have 8 values, got \[8, 8\]"),
        ({"layers": (1,)}, r"`layers` must have 8 values, got \[1\]"),
        ({"out_channels": 96}, "last of `planes`, 8, got 96"),
        ({"config": {"dilations": [1]}}, r"unknown keys \['dilations'\]"),
        ({"backend": "spconv"}, "got 'spconv'"),
    ],
)
def test_wrong_options(changes, message):
    with pytest.raises(ValueError, match=message):
        narrow(**changes)
