"""The config with an online DINOv2 trains a step and leaves the network out of it."""

import json

import pytest

from tests.shared import ROOT
from tools.create_data import main
from vantage3d.engine import load_config, train
from vantage3d.engine.checkpoints.file import read_checkpoint
from vantage3d.registry import MODELS
from vantage3d.synthetic import write_scannet

CONFIG = ROOT / "configs/ESAM_CA/ESAM_sv_scannet200_CA_dino_inject_online.py"
# Narrow, and DINOv2's small network, whose random weights the log must name.
OPTIONS = {
    "model.image_features.backbone.name": "dinov2_vits14_reg",
    "model.image_features.backbone.random_weights": True,
    "model.backbone.injection.channels": 384,
    "model.backbone.planes": [8, 8, 16, 16, 16, 16, 8, 96],
    "model.backbone.layers": [1] * 8,
    "load_from": None,
    "load_from_policy": None,
    "train_dataloader.batch_size": 2,
    "train_dataloader.num_workers": 0,
    "train_dataloader.persistent_workers": False,
    "train_cfg.max_epochs": 1,
    "default_hooks.logger.interval": 1,
}


@pytest.fixture(scope="module")
def work_dir(tmp_path_factory):
    """What one step on two rendered frames left."""
    root = tmp_path_factory.mktemp("online")
    write_scannet(root / "raw", 1, 1, (0, 200), size=(160, 120), seed=5)
    folders = ["--root-path", str(root / "raw"), "--out-dir", str(root / "data")]
    main(["scannet200_sv", *folders, "--num-points", "2000"])
    work_dir = root / "run"
    train(str(CONFIG), str(work_dir), cfg_options=OPTIONS, data_root=str(root / "data"))
    return work_dir


def test_every_augmented_point_found_its_pixel(work_dir):
    (scalars,) = work_dir.glob("*/vis_data/scalars.json")
    step, *_ = [json.loads(line) for line in scalars.read_text().splitlines()]
    assert step["valid_projection_ratio"] == 1.0
    (log,) = (path.read_text() for path in work_dir.glob("*/*.log"))
    assert "random weights (random-seed-0): the features mean nothing" in log


def test_checkpoint_and_optimizer_hold_the_trained_part_only(work_dir):
    checkpoint = read_checkpoint(work_dir / "epoch_1.pth")
    state = checkpoint["state_dict"]
    config = load_config(CONFIG, OPTIONS).model
    del config.backbone.injection
    plain = MODELS.build({**config, "image_features": None})
    kernels = {f"backbone.dino_proj_{stride}.kernel" for stride in (8, 4, 2, 1)}
    assert set(state) == set(plain.state_dict()) | kernels
    assert all(state[name].abs().max() > 0 for name in kernels)  # they start at zero
    groups = checkpoint["optimizer"]["param_groups"]
    count = len(list(plain.parameters())) + len(kernels)
    assert sum(len(group["params"]) for group in groups) == count
