"""Weights of image networks: where they come from, their formats, what is refused."""

import hashlib
import re

import pytest
import torch
from safetensors.torch import save_file

from tests.backbones2d.networks import tiny_vit
from vantage3d.backbones2d import build_extractor, weights
from vantage3d.backbones2d.networks import DinoV2, create_resnet
from vantage3d.backbones2d.weights import (
    clip_names,
    dinov2_names,
    find_released,
    load_backbone,
)
from vantage3d.engine.errors import CheckpointError
from vantage3d.io.released_weights import BACKBONES


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A folder without weights, and no hub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(weights, "from_hub", unreachable)


def unreachable(repo: str, file: str):
    raise ConnectionError("Temporary failure in name resolution")


def facebook_state(vit) -> dict[str, torch.Tensor]:
    """The names that DINOv2's authors give to the weights of ``vit``."""
    state = {k: v.clone() for k, v in vit.state_dict().items()}
    if "reg_token" in state:
        state["register_tokens"] = state.pop("reg_token")
        at_class = torch.full_like(state["cls_token"], 0.5)
        state["pos_embed"] = torch.cat([at_class, state["pos_embed"]], dim=1)
        state["cls_token"] = state["cls_token"] - at_class
    state["mask_token"] = torch.zeros(1, 24)
    return state


@pytest.mark.parametrize("registers", [0, 4])
@pytest.mark.parametrize("wrapper", [None, "model", "state_dict", "module"])
def test_the_authors_files_load(tmp_path, registers, wrapper):
    theirs = tiny_vit(registers)
    for parameter in theirs.parameters():
        parameter.data.add_(0.01)
    state = facebook_state(theirs)
    if wrapper == "module":
        state = {f"module.{key}": value for key, value in state.items()}
    content = state if wrapper in (None, "module") else {wrapper: state, "epoch": 3}
    path = tmp_path / "file.pth"
    torch.save(content, path)
    ours = tiny_vit(registers)
    digest = load_backbone(ours, path, dinov2_names)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    pixels = torch.rand(1, 3, 42, 70)
    features = [DinoV2(vit, "tiny", digest)(pixels) for vit in (ours, theirs)]
    torch.testing.assert_close(*features)


def test_timms_safetensors_load(tmp_path):
    theirs = tiny_vit(4)
    save_file(theirs.state_dict(), tmp_path / "model.safetensors")
    ours = tiny_vit(4)
    ours.pos_embed.data.zero_()
    load_backbone(ours, tmp_path / "model.safetensors", dinov2_names)
    assert torch.equal(ours.pos_embed, theirs.pos_embed)


def test_swiglu_of_the_giant_is_renamed():
    state = {"blocks.3.mlp.w12.weight": torch.ones(1), "blocks.3.mlp.w3.bias": None}
    assert list(dinov2_names(state)[0]) == [
        "blocks.3.mlp.fc1.weight",
        "blocks.3.mlp.fc2.bias",
    ]


def test_every_key_that_does_not_fit_is_named(tmp_path):
    state = facebook_state(tiny_vit())
    state["head.weight"] = torch.zeros(2, 24)
    del state["norm.bias"]
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match=r"other.pth does not fit") as error:
        load_backbone(tiny_vit(), tmp_path / "other.pth", dinov2_names)
    for text in ("norm.bias [24]", "head.weight [2, 24]", "Take the file of this net"):
        assert text in str(error.value)
    assert "load_from_policy" not in str(error.value)


def test_registers_are_not_optional(tmp_path):
    torch.save(facebook_state(tiny_vit(4)), tmp_path / "reg.pth")
    with pytest.raises(CheckpointError, match=r"reg_token \[1, 4, 24\]"):
        load_backbone(tiny_vit(), tmp_path / "reg.pth", dinov2_names)


@pytest.mark.parametrize("content", [{"teacher": 3}, [1, 2], {"model": {}}])
def test_refuses_a_file_without_a_state_dict(tmp_path, content):
    torch.save(content, tmp_path / "odd.pth")
    with pytest.raises(CheckpointError, match=r"odd.pth hold no state dict: expected"):
        load_backbone(tiny_vit(), tmp_path / "odd.pth", dinov2_names)


def test_refuses_to_execute_a_torchscript_program(tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "RN50.pt")
    with pytest.raises(CheckpointError, match=r"RN50.pt are a TorchScript program"):
        load_backbone(create_resnet(), tmp_path / "RN50.pt", clip_names)


def openai_name(key: str) -> str:
    """timm's name of a weight to the one in CLIP's own file."""
    for pattern, replacement in (
        (r"^stem\.conv(\d)\.(conv|bn)\.", r"\2\1."),
        (r"^stages\.(\d)\.", lambda m: f"layer{int(m[1]) + 1}."),
        (r"\.conv(\d)_[1k]x[1k](xk)?\.(conv|bn)\.", r".\3\1."),
        (r"\.shortcut\.conv\.conv\.", ".downsample.0."),
        (r"\.shortcut\.conv\.bn\.", ".downsample.1."),
        (r"^head\.pos_embed$", "attnpool.positional_embedding"),
        (r"^head\.([qkv])\.", r"attnpool.\1_proj."),
        (r"^head\.proj\.", "attnpool.c_proj."),
    ):
        key = re.sub(pattern, replacement, key)
    return f"visual.{key}".replace("_kxk", "")


def test_clips_own_names_load(tmp_path):
    theirs = create_resnet()
    state = {openai_name(k): v.half() for k, v in theirs.state_dict().items()}
    assert "visual.layer1.0.downsample.0.weight" in state
    assert "visual.layer4.2.bn3.running_var" in state
    assert "visual.attnpool.c_proj.weight" in state
    state |= {"logit_scale": torch.ones(()), "ln_final.weight": torch.ones(512)}
    torch.save(state, tmp_path / "clip.pth")
    extractor = build_extractor("clip_rn50", weights=tmp_path / "clip.pth")
    for name, ours in extractor.trunk[0].state_dict().items():
        expected = theirs.stem.state_dict()[name].half().to(ours.dtype)
        assert torch.equal(ours, expected), name


def test_a_named_file_that_is_missing_says_what_to_fetch():
    with pytest.raises(
        FileNotFoundError, match=r"weights gone.pth of dinov2_vitl14_reg"
    ):
        build_extractor("dinov2_vitl14_reg", weights="gone.pth")


@pytest.mark.parametrize("name", sorted(set(BACKBONES) - {"efficientnet_lite2"}))
def test_without_any_weights_the_error_says_what_to_fetch_and_where_to_put_it(name):
    with pytest.raises(FileNotFoundError, match=f"no weights of {name}") as error:
        find_released(BACKBONES[name], None)
    for text in (
        "Temporary failure in name resolution",
        f"https://huggingface.co/{BACKBONES[name].repo}/resolve/main/model.safetensors",
        f"work_dirs/pretrained/{name}.safetensors",
        "--weights FILE",
    ):
        assert text in str(error.value)


def test_the_authors_file_is_found_in_the_folder(tmp_path):
    folder = tmp_path / "work_dirs/pretrained"
    folder.mkdir(parents=True)
    (folder / "dinov2_vitb14_reg4_pretrain.pth").touch()
    (folder / "dinov2_vitb14_pretrain.pth").touch()
    assert (
        find_released(BACKBONES["dinov2_vitb14_reg"], None).name
        == "dinov2_vitb14_reg4_pretrain.pth"
    )
    (folder / "dinov2_vitb14.safetensors").touch()
    assert (
        find_released(BACKBONES["dinov2_vitb14"], None).name
        == "dinov2_vitb14.safetensors"
    )


def test_the_hub_is_asked_when_the_folder_has_none(monkeypatch, tmp_path):
    monkeypatch.setattr(weights, "from_hub", lambda repo, _: tmp_path / repo)
    found = find_released(BACKBONES["dinov2_vits14"], None)
    assert found == tmp_path / "timm/vit_small_patch14_dinov2.lvd142m"


def test_refuses_unknown_names():
    with pytest.raises(ValueError, match=r"`name` must be one of .*got 'dinov3'"):
        build_extractor("dinov3")


def test_refuses_random_weights_beside_a_file():
    with pytest.raises(ValueError, match=r"`random_weights` excludes .*got file.pth"):
        build_extractor("clip_rn50", weights="file.pth", random_weights=True)
