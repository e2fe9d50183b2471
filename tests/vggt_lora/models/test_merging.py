"""tools/merge_lora.py: a run, a checkpoint or a folder becomes plain weights."""

import pytest
import torch

from tests.engine import runs
from tests.vggt_lora.models import toy
from tests.vggt_lora.models.test_training import CONFIG, train
from tools import merge_lora
from vantage3d.engine.checkpoints.file import companion, read_checkpoint
from vantage3d.process.command import CommandError
from vantage3d.registry import MODELS


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    assert train(folder, {"train_cfg.max_iters": 6}) == 0
    return folder


def merged(*arguments):
    merge_lora.main([CONFIG, *map(str, arguments)])
    return read_checkpoint(arguments[1])["state_dict"]


def test_all_three_give_the_same_weights_under_the_networks_names(run, tmp_path):
    file = run / "iter_6.pth"
    one = merged(file, tmp_path / "one.safetensors")
    assert runs.same(one, merged(run, tmp_path / "two.pth"))
    assert runs.same(one, merged(companion(file), tmp_path / "three.safetensors"))
    plain = MODELS.build({"type": "VGGT", **toy.NET})
    plain.load_state_dict(one)


def test_the_merged_network_scores_as_the_run(run, tmp_path):
    """Through tools/test.py's function: adapters, and merged weights as a base."""
    from vantage3d.engine import test

    merged(run, tmp_path / "merged.pth")
    with_adapters = test(CONFIG, str(run), str(tmp_path / "a"))
    options = {"model.lora": None}
    plain = test(CONFIG, str(tmp_path / "merged.pth"), str(tmp_path / "b"), options)
    assert with_adapters["depth.full.abs_rel"] == pytest.approx(
        plain["depth.full.abs_rel"], abs=1e-5
    )
    base = test(CONFIG, str(base_file(tmp_path)), str(tmp_path / "c"), options)
    assert abs(base["depth.full.abs_rel"] - plain["depth.full.abs_rel"]) > 1e-5


def base_file(folder):
    """The random base that the runner draws for seed 0."""
    from mmengine.runner import set_random_seed

    set_random_seed(0)
    path = folder / "base.pth"
    model = MODELS.build({"type": "VGGTEstimator", **toy.NET})
    torch.save(model.state_dict(), path)
    return path


def test_mistakes_are_named(run, tmp_path, capsys):
    for arguments, message in (
        ([run, tmp_path / "out.bin"], "must end in one of"),
        (
            [run, tmp_path / "o.pth", "--cfg-options", "model.lora=None"],
            "has no `model.lora`, its runs have no adapters to merge.",
        ),
        (
            [run, tmp_path / "o.pth", "--cfg-options", "randomness.seed=5"],
            "another base",
        ),
        ([tmp_path, tmp_path / "o.pth"], "holds no checkpoint"),
    ):
        with pytest.raises(CommandError):
            merged(*arguments)
        assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
