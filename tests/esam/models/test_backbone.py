"""Another backbone than Res16UNet34C: the contract, and what breaks it."""

import pytest
from torch import nn

from tests.esam.models.scenes import batch, frame, narrow_model
from vantage3d.registry import MODELS
from vantage3d.sparse import get_backend


@MODELS.register_module()
class TwoConvolutions(nn.Module):
    """The smallest network that fulfils the contract."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.engine = engine = get_backend("torch")
        self.out_channels = out_channels
        self.first = engine.Conv(in_channels, out_channels, kernel_size=3)
        self.norm, self.relu = engine.BatchNorm(out_channels), engine.ReLU()
        self.second = engine.Conv(out_channels, out_channels, kernel_size=3)

    def forward(self, voxels):
        return self.second(self.relu(self.norm(self.first(voxels))))


@MODELS.register_module()
class NoContract(nn.Module):
    """Says neither its engine nor its channels."""


def test_another_network_is_trained_and_predicts():
    model = narrow_model(
        backbone={"type": "TwoConvolutions", "in_channels": 3, "out_channels": 8}
    )
    data = batch(frame(0, 400), frame(1, 300))
    losses = model(**data, mode="loss")
    (losses["inst_loss"] + losses["seg_loss"]).backward()
    assert all(p.grad.abs().sum() > 0 for p in model.backbone.second.parameters())
    found = model.eval()(**data, mode="predict")
    assert all("pts_instance_mask" in sample.pred_pts_seg for sample in found)


def test_a_network_without_the_contract_is_refused():
    with pytest.raises(
        TypeError, match=r"NoContract has no \['engine', 'out_channels'"
    ):
        narrow_model(backbone={"type": "NoContract"})


def test_channels_that_the_decoder_does_not_take_are_refused():
    backbone = {"type": "TwoConvolutions", "in_channels": 3, "out_channels": 12}
    with pytest.raises(ValueError, match="decoder's `in_channels` 8, got 12"):
        narrow_model(backbone=backbone)
