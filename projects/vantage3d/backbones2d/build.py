"""Frozen image networks by name, and CLIP's (Radford et al., arXiv 2103.00020)."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import timm
import torch
from mmengine.logging import print_log
from timm.models import ByobNet
from torch import Tensor, nn

from vantage3d.backbones2d.dinov2 import DINOV2, DinoV2, create_vit
from vantage3d.backbones2d.extractor import FeatureExtractor, Size
from vantage3d.backbones2d.weights import (
    Rename,
    clip_names,
    dinov2_names,
    find_released,
    load_backbone,
)
from vantage3d.checks import check_choice
from vantage3d.io.released_weights import BACKBONES

CLIP_RN50, CLIP_STRIDE, CLIP_CHANNELS = "clip_rn50", 8, 512
CLIP_LAYER = 2  # of the four stages, as their authors count: layer2
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)
NAMES = (*DINOV2, CLIP_RN50)
RANDOM_WEIGHTS = "random-seed-0"


def create_resnet() -> ByobNet:
    """CLIP's whole image network with random weights."""
    return cast(ByobNet, timm.create_model("resnet50_clip", pretrained=False))


class ClipRN50(FeatureExtractor):
    """Stem and first two stages of CLIP's ResNet-50.

    An image of 640 x 480 gives 512 x 60 x 80, without any interpolation.

    Args:
        resnet: timm's network; what follows stage 2 is dropped.
        weights: sha256 of its weights file, or ``"random-seed-0"``.
        input_size: (W, H) that images are made to fit into; None keeps their size.
    """

    def __init__(
        self, resnet: ByobNet, weights: str, input_size: Size | None = None
    ) -> None:
        super().__init__(
            CLIP_RN50,
            weights,
            (CLIP_LAYER,),
            CLIP_STRIDE,
            CLIP_CHANNELS,
            CLIP_MEAN,
            CLIP_STD,
            input_size,
        )
        self.trunk = nn.Sequential(resnet.stem, resnet.stages[0], resnet.stages[1])
        self.eval().requires_grad_(False)

    def patch_features(self, images: Tensor) -> Tensor:
        """(B, 512, h, w) of normalised (B, 3, 8 h, 8 w) images."""
        return self.trunk(images)


def build_extractor(
    name: str,
    weights: str | Path | None = None,
    random_weights: bool = False,
    layers: Sequence[int] | None = None,
    input_size: Size | None = None,
) -> FeatureExtractor:
    """A frozen image network: (B, 3, H, W) RGB in 0..1 to (B, C, h, w) features.

    Args:
        name: ``dinov2_vit{s,b,l,g}14``, the same with ``_reg``, or ``clip_rn50``.
        weights: File of weights; None looks into ``work_dirs/pretrained`` and asks the
            hub after that.
        random_weights: Use no file; ``source(...).weights`` says so. For tests.
        layers: Blocks of DINOv2 to join, see :class:`DinoV2`.
        input_size: (W, H) that images are made to fit into; None keeps their size.

    Raises:
        ValueError: If the name is unknown, or options exclude each other.
        FileNotFoundError: If there are no weights; it says what to download.
        CheckpointError: If the weights are those of another network.
    """
    check_choice("name", name, NAMES, fix="Names are those of the released models.")
    if random_weights and weights is not None:
        raise ValueError(
            f"`random_weights` excludes `weights`, got {weights}. Give one of them"
        )
    if name == CLIP_RN50 and layers is not None:
        raise ValueError(
            f"`layers` is for DINOv2, got {list(layers)} for {name}, which always is "
            "its stride-8 stage. Leave it out"
        )
    path = None if random_weights else find_released(BACKBONES[name], weights)
    if name == CLIP_RN50:
        resnet, digest = _make(create_resnet, clip_names, path)
        return ClipRN50(resnet, digest, input_size)
    vit, digest = _make(lambda: create_vit(name), dinov2_names, path)
    return DinoV2(vit, name, digest, layers, input_size)


def _make(
    create: Callable[[], Any], rename: Rename, path: Path | None
) -> tuple[Any, str]:
    """A network and what its weights are called."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = create()
    if path is None:
        text = f"random weights ({RANDOM_WEIGHTS}): the features mean nothing"
        print_log(text, logger="current", level=logging.WARNING)
        return model, RANDOM_WEIGHTS
    digest = load_backbone(model, path, rename)
    print_log(f"weights {path}, sha256 {digest}", logger="current")
    return model, digest
