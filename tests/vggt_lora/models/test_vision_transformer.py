"""The tokeniser beside timm's network, through its files."""

import pytest
import torch
from safetensors.torch import save_file
from timm.models import VisionTransformer
from torch.testing import assert_close

from vantage3d.engine.errors import CheckpointError
from vantage3d.vggt_lora.models.vision_transformer import DinoVisionTransformer
from vantage3d.vggt_lora.models.weights import load_tokeniser

SIZES = dict(embed_dim=24, depth=3, num_heads=3)


def tokeniser() -> DinoVisionTransformer:
    return DinoVisionTransformer(img_size=56, patch_size=14, **SIZES).eval()


@pytest.fixture(scope="module")
def timm_vit() -> VisionTransformer:
    torch.manual_seed(0)
    vit = VisionTransformer(
        img_size=56,
        patch_size=14,
        init_values=0.5,
        num_classes=0,
        reg_tokens=4,
        no_embed_class=True,
        dynamic_img_size=True,
        **SIZES,
    )
    for parameter in vit.parameters():  # biases, too, must matter
        torch.nn.init.normal_(parameter, std=0.2)
    return vit.eval()


@torch.no_grad()
@pytest.mark.parametrize("size", [(56, 56), (42, 98), (28, 112), (112, 84)])
def test_patch_tokens_are_those_of_timm(timm_vit, tmp_path, size):
    path = tmp_path / "vit.safetensors"
    save_file(timm_vit.state_dict(), path)
    ours = tokeniser()
    digest = load_tokeniser(ours, "dinov2_vits14_reg", path)
    assert len(digest) == 64
    images = torch.randn(2, 3, *size)
    expected = timm_vit.forward_features(images)[:, 5:]
    assert_close(ours(images), expected, atol=2e-5, rtol=1e-4)


def test_the_authors_names_are_ours(tmp_path):
    saved, loaded = tokeniser(), tokeniser()
    torch.save(saved.state_dict(), tmp_path / "dinov2.pth")
    load_tokeniser(loaded, "dinov2_vits14_reg", tmp_path / "dinov2.pth")
    for name, value in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_a_network_without_registers_is_refused(timm_vit, tmp_path):
    state = timm_vit.state_dict()
    del state["reg_token"]
    torch.save(state, tmp_path / "plain.pth")
    with pytest.raises(CheckpointError, match="register_tokens"):
        load_tokeniser(tokeniser(), "dinov2_vits14_reg", tmp_path / "plain.pth")
