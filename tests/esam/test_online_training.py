"""Training of the online detector begins, stops, goes on and is tested."""

import json
import shutil

import pytest

from tests.esam.sequences import write_scene
from tests.shared import ROOT
from vantage3d.engine import test as run_test
from vantage3d.engine import train
from vantage3d.engine.checkpoints.file import read_checkpoint

CONFIG = ROOT / "configs/ESAM_online/ESAM_online_synthetic_CA.py"
OPTIONS = {
    "model.backbone.planes": [8] * 7 + [48],
    "model.backbone.init_dim": 8,
    "model.memory.in_channels": [8] * 4,
    "load_from": None,
    "load_from_policy": None,
    "train_dataloader.num_workers": 0,
    "train_dataloader.persistent_workers": False,
    "train_dataloader.dataset.ann_file": "infos.json",
    "test_dataloader.dataset.ann_file": "infos.json",
    "train_cfg.max_epochs": 2,
    "default_hooks.checkpoint.max_keep_ckpts": 2,
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Data and work directory of two epochs of one scene."""
    root = tmp_path_factory.mktemp("online")
    write_scene(root / "data", (400, 300, 350))
    run(root / "data", root / "run")
    return root / "data", root / "run"


def run(data, work_dir, **options):
    more = {"cfg_options": OPTIONS, "data_root": str(data), **options}
    train(str(CONFIG), str(work_dir), **more)


def test_a_resumed_training_ends_with_the_same_bits(trained, tmp_path):
    data, done = trained
    for path in done.glob("epoch_1.pth*"):
        shutil.copy(path, tmp_path)
    run(data, tmp_path, resume=True)
    expected, found = (
        read_checkpoint(folder / "epoch_2.pth")["state_dict"]
        for folder in (done, tmp_path)
    )
    before = read_checkpoint(done / "epoch_1.pth")["state_dict"]
    assert expected.keys() == found.keys()
    assert all(expected[name].equal(found[name]) for name in expected)
    moved = {n.split(".")[0] for n in found if not found[n].equal(before[n])}
    assert moved == {"backbone", "pool", "decoder", "memory", "merge_head"}


def test_whole_scenes_are_tested(trained, tmp_path):
    data, done = trained
    more = {"cfg_options": OPTIONS, "data_root": str(data)}
    metrics = run_test(str(CONFIG), str(done), str(tmp_path), **more)
    assert 0 <= metrics["all_ap_50%"] <= 1 and "every_superpoint/all_ap" in metrics
    (report,) = tmp_path.glob("*/instance_ap.json")
    found = json.loads(report.read_text())
    assert found["protocol"] == "nearest" and found["scenes"] == 1
