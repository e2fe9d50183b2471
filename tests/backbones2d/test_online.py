"""A frozen image network inside a model leaves no trace in it."""

import copy
import pickle

import pytest
import torch
from torch import nn

from vantage3d.backbones2d.build import FrozenImageBackbone
from vantage3d.registry import MODELS


def build(**options) -> FrozenImageBackbone:
    return MODELS.build(
        {
            "type": "FrozenImageBackbone",
            "name": "clip_rn50",
            "random_weights": True,
            "input_size": (80, 60),
            **options,
        }
    )


@pytest.fixture(scope="module")
def backbone() -> FrozenImageBackbone:
    return build()


def test_is_excluded_from_state_dict_and_optimizer(backbone):
    model = nn.ModuleDict({"dino": backbone, "head": nn.Linear(2, 2)})
    assert list(model.state_dict()) == ["head.weight", "head.bias"]
    assert len(list(model.parameters())) == 2
    model.load_state_dict(nn.ModuleDict({"head": nn.Linear(2, 2)}).state_dict())
    optimizer = torch.optim.AdamW(model.parameters())
    assert sum(p.numel() for g in optimizer.param_groups for p in g["params"]) == 6


def test_moves_with_the_model_and_stays_frozen(backbone):
    backbone = copy.deepcopy(backbone)
    model = nn.ModuleDict({"dino": backbone}).double().train()
    assert backbone.extractor.mean.dtype == torch.float64
    assert {p.dtype for p in backbone.extractor.parameters()} == {torch.float64}
    assert not backbone.extractor.training
    model.to("meta")
    assert backbone.extractor.mean.device.type == "meta"


@pytest.mark.bitwise
def test_gives_what_the_extractor_gives_without_gradients(backbone):
    images = torch.rand(2, 3, 120, 160, requires_grad=True)
    feats = backbone(images)
    assert feats.shape == (2, backbone.channels, 8, 10) and not feats.requires_grad
    assert torch.equal(feats, backbone.extractor(images))
    assert backbone.source((160, 120)).shape == feats.shape[1:]
    rough = build(amp=True)(images)
    assert rough.dtype == torch.float32
    assert 0 < (rough - feats).abs().max() < 0.1 * feats.abs().max()


@pytest.mark.bitwise
def test_can_be_sent_to_another_process(backbone):
    again = pickle.loads(pickle.dumps(backbone))
    images = torch.rand(1, 3, 16, 16)
    assert torch.equal(again(images), backbone(images))
