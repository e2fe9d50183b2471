"""Frozen image networks by name: with their weights, and as a part of a model."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from vantage3d.backbones2d.networks import (
    CLIP_RN50,
    DINOV2,
    EFFICIENTNET_LITE2,
    ClipRN50,
    ClipRN50Text,
    DinoV2,
    EfficientNetLite2,
    FeatureExtractor,
    Size,
    autocast,
    create_efficientnet,
    create_resnet,
    create_vit,
)
from vantage3d.backbones2d.weights import (
    Rename,
    clip_names,
    dinov2_names,
    find_released,
    load_backbone,
    names_in_order,
)
from vantage3d.checks import check_choice
from vantage3d.io.features import FeatureSource
from vantage3d.io.released_weights import BACKBONES
from vantage3d.registry import MODELS

NAMES = (*DINOV2, CLIP_RN50, EFFICIENTNET_LITE2)
RANDOM_WEIGHTS = "random-seed-0"


def build_extractor(
    name: str,
    weights: str | Path | None = None,
    random_weights: bool = False,
    layers: Sequence[int] | None = None,
    input_size: Size | None = None,
) -> FeatureExtractor:
    """A frozen image network: (B, 3, H, W) RGB in 0..1 to (B, C, h, w) features.

    Args:
        name: ``dinov2_vit{s,b,l,g}14``, the same with ``_reg``, ``clip_rn50`` or
            ``efficientnet_lite2``.
        weights: File of weights; None looks into ``work_dirs/pretrained`` and takes the
            installed package, or asks the hub, after that.
        random_weights: Use no file; ``source(...).weights`` says so. For tests.
        layers: Blocks of DINOv2 to join, see :class:`DinoV2`, or stages of
            :class:`EfficientNetLite2`.
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
            f"`layers` is for the other networks, got {list(layers)} for {name}, which "
            "always is its stride-8 stage. Leave it out"
        )
    path = None if random_weights else find_released(BACKBONES[name], weights)
    if name == CLIP_RN50:
        resnet, digest = _make(create_resnet, lambda _: clip_names, path)
        return ClipRN50(resnet, digest, input_size)
    if name == EFFICIENTNET_LITE2:
        net, digest = _make(create_efficientnet, names_in_order, path)
        return EfficientNetLite2(net, digest, layers, input_size)
    vit, digest = _make(lambda: create_vit(name), lambda _: dinov2_names, path)
    return DinoV2(vit, name, digest, layers, input_size)


def build_clip_text(weights: str | Path | None = None) -> ClipRN50Text:
    """CLIP's image network up to the space of its texts.

    Args:
        weights: As of :func:`build_extractor`.

    Raises:
        FileNotFoundError: If there are no weights; it says what to download.
        CheckpointError: If the weights are those of another network.
    """
    path = find_released(BACKBONES[CLIP_RN50], weights)
    return ClipRN50Text(*_make(create_resnet, lambda _: clip_names, path))


def _make(
    create: Callable[[], Any],
    renaming: Callable[[nn.Module], Rename],
    path: Path | None,
) -> tuple[Any, str]:
    """A network and what its weights are called."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = create()
    if path is None:
        text = f"random weights ({RANDOM_WEIGHTS}): the features mean nothing"
        print_log(text, logger="current", level=logging.WARNING)
        return model, RANDOM_WEIGHTS
    digest = load_backbone(model, path, renaming(model))
    print_log(f"weights {path}, sha256 {digest}", logger="current")
    return model, digest


@MODELS.register_module()
class FrozenImageBackbone(nn.Module):
    """Features of images, computed when they are needed instead of read from files.

    The network is no part of ``parameters()`` and of ``state_dict()``: no optimizer
    holds it, no checkpoint stores it, and loading a checkpoint does not ask for it. It
    moves to a device with the model and always stays in evaluation mode.

    Args:
        name: Name of the network, such as ``dinov2_vitl14_reg``; this and what follows,
            up to ``input_size``, is explained in :func:`build_extractor`.
        amp: Mixed precision: float16 on CUDA, bfloat16 elsewhere.
    """

    def __init__(
        self,
        name: str,
        weights: str | None = None,
        random_weights: bool = False,
        layers: Sequence[int] | None = None,
        input_size: Size | None = None,
        amp: bool = False,
    ) -> None:
        super().__init__()
        extractor = build_extractor(name, weights, random_weights, layers, input_size)
        self._hidden = (extractor,)  # in a tuple, nn.Module does not see it
        self.amp = amp

    @property
    def extractor(self) -> FeatureExtractor:
        """The network itself."""
        return self._hidden[0]

    @property
    def channels(self) -> int:
        """C of the features."""
        return self.extractor.channels

    def source(self, image_size: Size) -> FeatureSource:
        """What the features of an image of ``image_size`` (W, H) are made of."""
        return self.extractor.source(image_size)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """(B, C, h, w) float32 features of (B, 3, H, W) RGB, floats in 0..1 or bytes.

        Raises:
            ValueError: As :meth:`FeatureExtractor.forward`.
        """
        with autocast(images.device, self.amp):
            return self.extractor(images).float()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """What ``to``, ``cuda`` and ``float`` call; it reaches the network too."""
        self.extractor._apply(fn, recurse)
        return super()._apply(fn, recurse)
