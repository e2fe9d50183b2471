"""Training by the Runner: exact resume, and a step that is not finite."""

import shutil

import pytest

from tests.engine import runs
from tests.shared import ROOT
from vantage3d.engine.configs.config import load_config

CONFIGS = ROOT / "configs/deltas"
CONFIG = str(CONFIGS / "deltas_synthetic.py")


def tiny(index, **options) -> dict:
    """Four steps of a network that does little but exists."""
    loaders = ("train", "val", "test")
    return {
        **{f"{name}_dataloader.dataset.data_root": str(index) for name in loaders},
        **{f"{name}_dataloader.dataset.size": (64, 80) for name in loaders},
        "train_dataloader.batch_size": 2,
        "model.keypoints.num_kps": 16,
        "model.out_length": 8,
        "train_cfg.max_iters": 4,
        "train_cfg.val_interval": 100,
        "val_cfg": None,
        "val_dataloader": None,
        "val_evaluator": None,
        "default_hooks.checkpoint.interval": 2,
        **options,
    }


@pytest.mark.bitwise
def test_a_resumed_run_ends_with_the_same_bits(scannet, tmp_path):
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    assert runs.run(whole, tiny(scannet), config=CONFIG, timeout=300) == 0
    halves.mkdir()
    for path in whole.glob("iter_2.pth*"):
        shutil.copy(path, halves)
    assert runs.run(halves, tiny(scannet), True, config=CONFIG, timeout=300) == 0
    assert "resumed from" in (halves / "output.txt").read_text()
    once, again = (runs.weights(run / "iter_4.pth") for run in (whole, halves))
    assert runs.same(once, again)
    assert not runs.same(once, runs.weights(whole / "iter_2.pth"))


def test_the_small_config_tests_on_rooms_that_had_no_part_in_it():
    cfg = load_config(CONFIGS / "deltas_scannet_small.py")
    data = [cfg[f"{part}_dataloader"].dataset for part in ("train", "val", "test")]
    scenes = [set(one.sequences) for one in data]
    assert [len(one) for one in scenes] == [10, 1, 2]
    assert len(set.union(*scenes)) == 13
    # all are in the split of ScanNet that its table gives them
    assert [one.split for one in data] == ["train"] * 3
