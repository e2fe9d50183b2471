"""Released weights for VGGT and its tokeniser; every key must fit."""

from pathlib import Path

import torch

from vantage3d.backbones2d.weights import (
    State,
    find_released,
    find_weights,
    load_backbone,
)
from vantage3d.io.released_weights import VGGT_1B
from vantage3d.vggt_lora.models.vggt import VGGT
from vantage3d.vggt_lora.models.vision_transformer import DinoVisionTransformer

HUB = "hub"
HEADS = ("camera_head", "point_head", "depth_head", "track_head")


def load_vggt(net: VGGT, weights: str | Path) -> str:
    """Load the released weights, or others of the same names.

    What the file has for a head that ``net`` was built without is left out, and logged.

    Args:
        net: A VGGT, before adapters change its names.
        weights: ``model.pt`` or ``model.safetensors`` as released, or what
            ``torch.save`` made of a state dict; "hub" looks for the released file in
            the folder of pretrained weights, and downloads it if it is not there.

    Returns:
        SHA-256 of the file.

    Raises:
        FileNotFoundError: If there is no file; it says what to download.
        CheckpointError: If the file is damaged or a key does not fit; all are named.
    """
    absent = [head for head in HEADS if getattr(net, head) is None]

    def without_absent(state: State) -> tuple[State, list[str]]:
        kept = {k: v for k, v in state.items() if k.partition(".")[0] not in absent}
        left = len(state) - len(kept)
        note = f"{left} keys left out: the model has no {' and no '.join(absent)}"
        return kept, [note] if left else []

    path = find_released(VGGT_1B, None if weights == HUB else weights)
    return load_backbone(net, path, without_absent)


def load_tokeniser(
    vit: DinoVisionTransformer, name: str, weights: str | Path | None = None
) -> str:
    """Load DINOv2 with registers, from timm's file or its authors'.

    Args:
        vit: ``aggregator.patch_embed`` of a VGGT with ``img_size=518``.
        name: "dinov2_vit{s,b,l}14_reg".
        weights: A file, None to look for one, and download it if it is not there.

    Returns:
        SHA-256 of the file.

    Raises:
        FileNotFoundError: If there is no file; it says what to download.
        CheckpointError: If the file is damaged or a key does not fit; all are named.
    """
    return load_backbone(vit, find_weights(name, weights), tokeniser_names)


def tokeniser_names(state: State) -> tuple[State, list[str]]:
    """The authors' names for a DINOv2 of timm; the authors' own stay as they are."""
    state = dict(state)
    if "reg_token" not in state:
        return state, []
    # timm has added the class token's position into it, and dropped the mask token
    position = state["pos_embed"]
    state["pos_embed"] = torch.cat([torch.zeros_like(position[:, :1]), position], dim=1)
    state["register_tokens"] = state.pop("reg_token")
    state["mask_token"] = torch.zeros_like(position[:, 0])
    return state, []
