"""Config keys that nobody reads and types that nobody registered."""

import re
from pathlib import Path

import pytest

from tests.engine.runs import CONFIG
from vantage3d.engine.configs import config
from vantage3d.engine.configs.config import load_config
from vantage3d.engine.configs.types import accepted_arguments
from vantage3d.engine.errors import ConfigError


def write(folder: Path, text: str, base: str = CONFIG) -> Path:
    path = folder / "leaf.py"
    path.write_text(f"_base_ = [{base!r}]\n{text}\n")
    return path


def test_the_toy_config_passes():
    cfg = load_config(CONFIG, {"train_cfg.max_epochs": 7})
    assert cfg.train_cfg.max_epochs == 7


def test_a_text_is_formatted_once_and_follows_the_config(monkeypatch):
    cfg, asked = load_config(CONFIG), []
    real = config._format
    monkeypatch.setattr(
        config, "_format", lambda *a, **k: asked.append(1) or real(*a, **k)
    )
    config._formatted.cache_clear()
    first = cfg.pretty_text
    assert cfg.pretty_text == first and len(asked) == 1
    cfg.train_cfg.max_epochs = 77
    assert "max_epochs=77" in cfg.pretty_text and len(asked) == 2


def test_the_copy_that_a_run_writes_is_a_config(tmp_path):
    """Helpers of the file, which nobody would read in the copy, are not in it."""
    path = write(tmp_path, "epochs = 5\ntrain_cfg = dict(max_epochs=epochs)")
    cfg = load_config(path)
    cfg.dump(tmp_path / "copy.py")
    assert "epochs = 5" not in (tmp_path / "copy.py").read_text()
    assert load_config(tmp_path / "copy.py").train_cfg == cfg.train_cfg


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (
            {"optim_wraper.x": 1},
            "nobody reads `optim_wraper` of --cfg-options; closest: optim_wrapper",
        ),
        (
            {"dataset.length": 3},
            "dataset=... changes nothing: `dataset` is a helper of",
        ),
        (
            {"model.type": "ToyModl"},
            "`model.type` is 'ToyModl' (from --cfg-options), which is not registered; "
            "closest: ToyModel",
        ),
        (
            {"model.width_": 3},
            "ToyModel takes no argument 'width_'; closest: width",
        ),
        (
            {"default_hooks.checkpoint.max_keep_ckpt": 3},
            "CheckpointHook takes no argument 'max_keep_ckpt'; closest: max_keep_ckpts",
        ),
        (
            {"default_hooks.checkpoints.interval": 3},
            "`default_hooks.checkpoints` (from --cfg-options) has no `type`; closest: "
            "checkpoint",
        ),
        (
            {"env_cfg.mp_cfg.start_method": "spawn"},
            "nobody reads `env_cfg.mp_cfg.start_method`",
        ),
        ({"randomness.sed": 3}, "nobody reads `randomness.sed` (from"),
        (
            {"test_dataloader.batchsize": 3},
            "nobody reads `test_dataloader.batchsize` (from --cfg-options); closest: "
            "batch_size",
        ),
        ({"load_from_policy.ignored": []}, "`load_from_policy.ignored`"),
        ({"optim_wrapper.optimizer.learn": 1}, "AdamW takes no argument 'learn'"),
        ({"param_scheduler.9.gamma": 1}, "--cfg-options do not fit"),
    ],
)
def test_options_that_nobody_reads(option, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        load_config(CONFIG, option)


def test_options_stay_as_they_were_given():
    options = {"train_cfg": {"_delete_": True, "type": "EpochBasedTrainLoop"}}
    for _ in range(2):
        assert dict(load_config(CONFIG, options).train_cfg) == {
            "type": "EpochBasedTrainLoop"
        }


def test_what_builders_take_is_accepted(tmp_path):
    path = write(
        tmp_path,
        "custom_hooks = [dict(type='EMAHook', momentum=0.1, priority=49)]\n"
        "optim_wrapper = dict(paramwise_cfg=dict(bias_lr_mult=2.0))\n"
        "param_scheduler = [dict(type='CosineAnnealingLR', T_max=4,\n"
        "    convert_to_iter_based=True)]\n"
        "load_from_policy = dict(ignore=['^head'])",
    )
    load_config(path)


def test_key_of_a_file_that_nobody_reads(tmp_path):
    path = write(tmp_path, "\noptim_wraper = dict()")
    message = rf"nobody reads `optim_wraper` \({path}:3\).*closest: optim_wrapper"
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_helper_of_a_base_that_a_leaf_changes_in_vain(tmp_path):
    path = write(tmp_path, "dataset = dict(type='ToyDataset', length=8)")
    with pytest.raises(ConfigError, match=r"`dataset`.*leaf\.py does not use it"):
        load_config(path)


def test_helpers_that_are_used_pass(tmp_path):
    base = tmp_path / "base.py"
    base.write_text(f"_base_ = [{CONFIG!r}]\nepochs = 3\n")
    with pytest.raises(ConfigError, match=r"nobody reads `epochs`"):
        load_config(base)
    path = write(
        tmp_path,
        "train_cfg = dict(max_epochs={{_base_.epochs}})\nwidth = 3\n"
        "model = dict(width=width)",
        str(base),
    )
    assert load_config(path).train_cfg.max_epochs == 3


def test_unknown_type_names_file_and_line(tmp_path):
    path = write(tmp_path, "model = dict(\n    type='ToyModels',\n)")
    message = rf"`model\.type` is 'ToyModels' \({path}:3\).*closest: ToyModel"
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_missing_file_names_a_similar_one(tmp_path):
    write(tmp_path, "")
    with pytest.raises(
        ConfigError, match=r"leav\.py does not exist; closest: leaf\.py"
    ):
        load_config(tmp_path / "leav.py")
    with pytest.raises(ConfigError, match=r"there is no folder .*nowhere"):
        load_config(tmp_path / "nowhere" / "leaf.py")


def test_broken_file(tmp_path):
    path = write(tmp_path, "model = dict(")
    with pytest.raises(
        ConfigError, match=r"leaf\.py or a base of it is not valid Pyth"
    ):
        load_config(path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("custom_imports = dict(imports=['no.such.module'])", r"no\.such\.module"),
        ("lr = 1 / 0", "division by zero"),
    ],
)
def test_a_program_that_is_no_config(tmp_path, text, reason):
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=rf"leaf\.py cannot be read: .*{reason}"):
        load_config(path)


def test_accepted_arguments_follow_the_inheritance():
    class A:
        def __init__(self, a):
            pass

    class B(A):
        def __init__(self, b, **kwargs):
            super().__init__(**kwargs)

    class C(A):
        def __init__(self, **kwargs):
            self.rest = kwargs
            super().__init__(a=1)

    class D:
        pass

    def function(x, *, y=1):
        pass

    assert accepted_arguments(B) == {"a", "b"}
    assert accepted_arguments(C) is None
    assert accepted_arguments(D) == set()
    assert accepted_arguments(function) == {"x", "y"}
