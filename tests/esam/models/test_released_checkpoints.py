"""What `load_from` makes of the checkpoints that exist for ESAM."""

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from tests.shared import ROOT, need
from vantage3d.engine.checkpoints.weights import LoadPolicy, load_weights
from vantage3d.engine.errors import CheckpointError
from vantage3d.registry import MODELS


@pytest.fixture(scope="module")
def config() -> Config:
    init_default_scope("vantage3d")
    return Config.fromfile(ROOT / "configs/ESAM_CA/ESAM_sv_scannet200_CA.py")


@pytest.fixture(scope="module")
def model(config):
    return MODELS.build(config.model)


def test_backbone_of_mask3d_starts_a_training(config, model):
    state = {
        name: torch.full_like(value, 0.25)
        for name, value in model.state_dict().items()
        if name.startswith("backbone.")
    }
    state["backbone.final.kernel"] = torch.zeros(96, 200)
    policy = LoadPolicy.from_config(config.load_from_policy)
    report = load_weights(model, {"state_dict": state}, "mask3d.pth", policy)
    assert any("backbone" in note and "final" in note for note in report.notes)
    assert (model.backbone.conv0p1s1.kernel == 0.25).all()
    with pytest.raises(CheckpointError, match=r"pool\.pts_proj1"):
        load_weights(model, {"state_dict": state}, "mask3d.pth")


def test_released_online_checkpoint_fills_the_whole_model(model):
    table = need("specs/esam_online_state_dict.tsv").read_text().splitlines()[1:]
    state = {}
    for line in table:
        name, _, dtype, shape, _ = line.split("\t")
        size = [] if shape == "scalar" else [int(part) for part in shape.split("x")]
        state[name] = torch.full(size, 0.5).to(getattr(torch, dtype))
    report = load_weights(model, {"state_dict": state}, "esam_online.pth")
    assert not report.missing
    assert all(
        (value == 0.5).all()
        for name, value in model.state_dict().items()
        if name.endswith(("weight", "kernel"))
    )
