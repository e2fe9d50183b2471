"""The tokeniser beside timm's network, with its weights."""

import pytest
import torch
from timm.models import VisionTransformer
from torch.testing import assert_close

from vantage3d.vggt_lora.models.aggregator import DinoVisionTransformer

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


def our_names(state: dict) -> dict:
    """timm's DINOv2: the class token has its position in it, no mask token is left."""
    state = dict(state)
    position = state["pos_embed"]
    state["pos_embed"] = torch.cat([torch.zeros_like(position[:, :1]), position], dim=1)
    state["register_tokens"] = state.pop("reg_token")
    state["mask_token"] = torch.zeros_like(position[:, 0])
    return state


@torch.no_grad()
@pytest.mark.parametrize("size", [(56, 56), (42, 98), (28, 112), (112, 84)])
def test_patch_tokens_are_those_of_timm(timm_vit, size):
    ours = tokeniser()
    ours.load_state_dict(our_names(timm_vit.state_dict()))
    images = torch.randn(2, 3, *size)
    expected = timm_vit.forward_features(images)[:, 5:]
    assert_close(ours(images), expected, atol=2e-5, rtol=1e-4)
