"""Released weights: strict, from a file, a folder or the hub."""

import pytest
import torch
from mmengine.runner import load_state_dict
from safetensors.torch import save_file

from tests.vggt_lora.models.networks import NARROW, images, narrow
from vantage3d.backbones2d import weights as backbone_weights
from vantage3d.engine.errors import CheckpointError
from vantage3d.vggt_lora.models import estimator
from vantage3d.vggt_lora.models.estimator import VGGTEstimator
from vantage3d.vggt_lora.models.vggt import load_vggt

FEW = dict(enable_point=False, enable_track=False)


@pytest.mark.bitwise
@torch.no_grad()
@pytest.mark.parametrize("name", ["model.pt", "model.safetensors"])
def test_a_released_file_is_loaded_whole(tmp_path, name):
    saved, path = narrow(), tmp_path / name
    if name.endswith(".pt"):
        torch.save(saved.state_dict(), path)
    else:
        save_file(saved.state_dict(), path)
    loaded = narrow()
    for parameter in loaded.parameters():
        parameter.zero_()
    assert len(load_vggt(loaded, path)) == 64
    assert torch.equal(loaded(images())["depth"], saved(images())["depth"])


def test_heads_that_the_model_lacks_are_left_out_and_said(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(
        backbone_weights, "print_log", lambda text, **_: said.append(text)
    )
    torch.save(narrow().state_dict(), tmp_path / "model.pt")
    load_vggt(narrow(**FEW), tmp_path / "model.pt")
    assert len(said) == 1
    assert said[0].endswith("left out: the model has no point_head and no track_head")


@torch.no_grad()
def test_random_weights_are_told_once_and_a_checkpoint_is_none(monkeypatch):
    said = []
    monkeypatch.setattr(estimator, "print_log", lambda text, *_: said.append(text))
    trained = VGGTEstimator(**NARROW)
    for _ in range(2):
        trained({"images": images()})
    assert [text[:17] for text in said] == ["base_weights=None"]
    loaded = VGGTEstimator(**NARROW)
    load_state_dict(loaded, trained.state_dict(), strict=True)
    loaded({"images": images()})
    assert len(said) == 1


def test_a_missing_key_and_a_foreign_key_are_named(tmp_path):
    state = narrow().state_dict()
    del state["depth_head.norm.bias"]
    torch.save(state, tmp_path / "cut.pt")
    with pytest.raises(CheckpointError, match=r"depth_head\.norm\.bias"):
        load_vggt(narrow(), tmp_path / "cut.pt")
    state = {**narrow(**FEW).state_dict(), "gaussian_head.weight": torch.zeros(1)}
    torch.save(state, tmp_path / "more.pt")
    with pytest.raises(CheckpointError, match=r"gaussian_head\.weight"):
        load_vggt(narrow(**FEW), tmp_path / "more.pt")


def test_weights_of_a_run_with_adapters_are_refused(tmp_path):
    state = {
        key.replace("attn.qkv.", "attn.qkv.base_layer."): value
        for key, value in narrow().state_dict().items()
    }
    torch.save(state, tmp_path / "wrapped.pt")
    with pytest.raises(CheckpointError, match="base_layer"):
        load_vggt(narrow(), tmp_path / "wrapped.pt")


def test_where_the_released_file_comes_from(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    asked = []

    def unreachable(repo, file):
        asked.append(repo)
        raise ConnectionError("no network")

    monkeypatch.setattr(backbone_weights, "from_hub", unreachable)
    with pytest.raises(FileNotFoundError, match=r"facebook/VGGT-1B.*model\.pt"):
        load_vggt(narrow(), "hub")
    assert asked == ["facebook/VGGT-1B"]
    with pytest.raises(FileNotFoundError, match=r"nowhere\.pt.*base_weights=FILE"):
        load_vggt(narrow(), "nowhere.pt")
    folder = tmp_path / backbone_weights.FOLDER
    folder.mkdir(parents=True)
    torch.save(narrow().state_dict(), folder / "vggt_1b.pt")
    load_vggt(narrow(), "hub")
    assert len(asked) == 1
