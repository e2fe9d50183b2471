"""Configs of VGGT: true parameter counts, schedules, and twins that train."""

import re
from fnmatch import fnmatch
from functools import cache

import pytest
import safetensors.torch
import torch
from safetensors.torch import load_file

from tests.engine import runs
from tests.shared import ROOT
from tools import create_data, make_synthetic
from vantage3d.engine.configs.config import load_config
from vantage3d.registry import MODELS
from vantage3d.vggt_lora.losses import CLASS_WEIGHTS
from vantage3d.vggt_lora.models.adapters import lora_layers
from vantage3d.views.kitti360 import MIXED, RICH, SHARES

FOLDER = ROOT / "configs/vggt_lora"
TWINS = sorted(path.stem for path in FOLDER.glob("*_synthetic.py"))
DEMO = {path.stem for path in FOLDER.glob("*_demo.py")}  # trained in test_demo.py
MIXTURES = {"lora_eth3d_scannet_strategy_a"}  # built in tests/views/test_wrappers.py
# Strategy B with other numbers, or with terms that tests/vggt_lora/losses tests: what
# its twin shows holds for them. Pairs of blocks, alpha, peak rate, epochs.
VARIANTS = {
    "lora_kitti360_strategy_b_10_blocks": (10, 16, 1e-5, 50),
    "lora_kitti360_strategy_b_12_blocks": (12, 16, 1e-5, 50),
    "lora_kitti360_strategy_b_finish": (8, 8, 2e-6, 5),
    "lora_kitti360_strategy_b_photometric": (8, 16, 1e-5, 50),
    "lora_kitti360_strategy_b_geometry": (8, 16, 1e-5, 50),
}
# Rank, alpha, layers, parameters, peak rate, decay, share of warm-up.
TABLE = {
    "lora_eth3d_strategy_a": (16, 32, 29, 1_262_624, 1e-4, 0.01, 0.10),
    "lora_eth3d_strategy_b": (16, 32, 125, 7_554_080, 5e-5, 0.01, 0.10),
    "lora_eth3d_strategy_c": (16, 32, 237, 15_942_688, 3e-5, 0.01, 0.10),
    "lora_kitti360_strategy_a": (16, 32, 29, 1_262_624, 1e-4, 0.01, 0.05),
    "lora_kitti360_strategy_b_15epoch": (16, 32, 94, 5_620_768, 2e-5, 0.01, 0.15),
    "lora_kitti360_strategy_b": (16, 16, 94, 5_620_768, 1e-5, 0.01, 0.15),
    "lora_kitti360_strategy_b_soft": (16, 16, 94, 5_620_768, 1e-5, 0.01, 0.10),
    "lora_kitti360_strategy_b_soft_all_layer": (
        *(16, 16, 222, 14_009_376, 1e-5, 0.01, 0.10),
    ),
    "lora_kitti360_strategy_c": (32, 64, 222, 28_018_752, 2e-5, 0.05, 0.20),
}


@cache
def config_of(name):
    """A quarter of a second of mmengine's, paid once for all the tests that read it."""
    return load_config(FOLDER / f"{name}.py")


def on_meta(config):
    """The network without memory; its base weights are not needed for counting."""
    config.model.base_weights = None
    with torch.device("meta"):
        return MODELS.build(config.model)


def trained(model):
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


@pytest.mark.parametrize("name", TABLE)
def test_strategies_are_those_of_the_table(name):
    config = config_of(name)
    rank, alpha, layers, parameters, rate, decay, warm_up = TABLE[name]
    assert (config.model.lora.rank, config.model.lora.alpha) == (rank, alpha)
    optimizer, (rise, fall) = config.optim_wrapper.optimizer, config.param_scheduler
    assert (optimizer.lr, optimizer.weight_decay) == (rate, decay)
    assert rise.end / config.train_cfg.max_iters == pytest.approx(warm_up)
    assert (fall.begin, fall.end) == (rise.end, config.train_cfg.max_iters)
    model = on_meta(config)
    assert (trained(model), len(list(lora_layers(model)))) == (parameters, layers)
    written = re.search(r"(\d[\d ]+) parameters in\s(\d+)\slayers", config.text)
    assert int(written[1].replace(" ", "")) == parameters
    assert int(written[2]) == layers


def test_variants_of_strategy_b_differ_from_it_as_they_say():
    """A pair of blocks is 8 layers; nothing is built, B's own row was counted."""
    (_, _, layers, parameters, *_) = TABLE["lora_kitti360_strategy_b"]
    plain = config_of("lora_kitti360_strategy_b")
    for name, (pairs, alpha, rate, epochs) in VARIANTS.items():
        config = config_of(name)
        lora = config.model.lora
        for block in range(24):
            layer = f"aggregator.global_blocks.{block}.mlp.fc1"
            adapted = any(fnmatch(layer, p) for p in lora.target_modules)
            assert adapted == (block >= 24 - pairs)
        assert (lora.rank, lora.alpha, lora.dropout) == (16, alpha, 0.1)
        assert config.optim_wrapper.optimizer.lr == rate
        assert config.train_cfg.max_iters == epochs * 4000
        more = pairs - 8
        count = f"{parameters + more * 524_288:_}".replace("_", " ")
        assert f"{count} parameters in {layers + more * 8} layers" in config.text
        added = {*config.model.criterion} - {*plain.model.criterion}
        kind = {"photometric": {"photometric"}, "geometry": {"surface"}}
        assert added == kind.get(name.rpartition("_")[2], set())


def test_the_building_recipe_is_that_of_the_losses():
    """In every config on KITTI-360: mix, class weights, curriculum."""
    for name in [*TABLE, "finetune_kitti360"]:
        config = config_of(name)
        dataset, criterion = config.train_dataloader.dataset, config.model.criterion
        if "kitti360" not in name:
            assert "curriculum" not in criterion and "class_weights" not in dataset
            continue
        assert dict(dataset.class_weights) == CLASS_WEIGHTS
        assert dataset.mix == dict(rich=RICH, mixed=MIXED, shares=SHARES)
        assert (RICH, MIXED, *SHARES.values()) == (0.3, 0.1, 0.5, 0.3, 0.2)
        hold = 0.3 if name.endswith("strategy_c") else 0.4
        assert criterion.curriculum == dict(boost=1.5, hold=hold)
        assert dataset.min_valid == 2000 and dataset.max_draws == 6


def test_an_adapter_of_strategy_b_is_22_megabytes():
    model = on_meta(config_of("lora_kitti360_strategy_b"))
    adapters = {k: torch.zeros(v.shape) for k, v in model.state_dict().items()}
    assert len(adapters) == 2 * 94
    assert 22.4e6 < len(safetensors.torch.save(adapters)) < 22.6e6


def test_full_fine_tuning_trains_everything_but_the_tokeniser():
    config = config_of("finetune_kitti360")
    model = on_meta(config)
    assert sum(p.numel() for p in model.parameters()) == 1_157_941_492
    assert trained(model) == 1_157_941_492 - 304_372_736
    assert "853 568 756 parameters" in config.text


def test_every_config_has_its_twin():
    leaves = {path.stem for path in FOLDER.glob("*.py")} - {*TWINS, *DEMO, *MIXTURES}
    assert {f"{name}_synthetic" for name in leaves - {*VARIANTS}} == set(TWINS)
    assert leaves == {*TABLE, *VARIANTS, "finetune_kitti360"}


@pytest.fixture(scope="session")
def worlds(tmp_path_factory):
    """Prepared streets and rooms, as the commands in the configs make them."""
    streets, rooms = (tmp_path_factory.mktemp(name) for name in ("streets", "rooms"))
    raw = str(streets / "raw")
    drives = ["--train-drives", "1", "--val-drives", "1", "--frames", "9"]
    make_synthetic.main(["kitti360", "--out", raw, *drives, "--size", "352x94"])
    prepare("kitti360", raw, streets, "--view", "56", "168")
    raw = str(rooms / "raw")
    counts = ["--train-rooms", "1", "--val-rooms", "1", "--frames", "5"]
    size = ["--frame-step", "200", "--size", "160x120"]
    make_synthetic.main(["eth3d", "--out", raw, *counts, *size])
    prepare("eth3d", raw, rooms, "--val-scenes", "scene0001_00")
    return {"kitti360": streets, "eth3d": rooms}


def prepare(dataset, raw, out, *options):
    create_data.main([dataset, "--root-path", raw, "--out-dir", str(out), *options])


@pytest.mark.parametrize("name", TWINS)
def test_twins_train(name, worlds, tmp_path):
    """Two batches, a validation before and one after them."""
    (world,) = (path for key, path in worlds.items() if key in name)
    options = {"train_cfg.max_iters": 2, "default_hooks.logger.interval": 1}
    config = config_of(name)
    for loader in ("train", "val", "test"):
        dataset = f"{loader}_dataloader.dataset"
        nested = (
            ".dataset" if "dataset" in config[f"{loader}_dataloader"].dataset else ""
        )
        options[f"{dataset}{nested}.data_root"] = str(world)
    code = runs.run(tmp_path, options, config=str(FOLDER / f"{name}.py"))
    log = (tmp_path / "output.txt").read_text()
    assert code == 0, log[-2000:]
    assert log.count("Iter(train)") == 2
    assert sum(log.count(f"depth.full.abs_rel: {first}") for first in (0, 1)) == 2
    exported = tmp_path / "iter_2_adapter" / "adapter_model.safetensors"
    assert exported.is_file() == (config.model.get("lora") is not None)
    if exported.is_file():  # B starts at zero: every layer was trained
        update = {k: v for k, v in load_file(exported).items() if ".lora_B." in k}
        assert update and all(value.any() for value in update.values())
