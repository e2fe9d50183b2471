"""A frozen image network as a part of a model that trains."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vantage3d.backbones2d.build import build_extractor
from vantage3d.backbones2d.extractor import FeatureExtractor, Size, autocast
from vantage3d.io.features import FeatureSource
from vantage3d.registry import MODELS


@MODELS.register_module()
class FrozenImageBackbone(nn.Module):
    """Features of images, computed when they are needed instead of read from files.

    The network is no part of ``parameters()`` and of ``state_dict()``: no optimizer
    holds it, no checkpoint stores it, and loading a checkpoint does not ask for it. It
    moves to a device with the model and always stays in evaluation mode.

    Args:
        name: Name of the network, such as ``dinov2_vitl14_reg``; this and what follows
            is explained in :func:`build_extractor`.
        weights: File of weights; None to look for one.
        random_weights: Use no file, for tests.
        layers: Numbers of the blocks of DINOv2 to join.
        input_size: (W, H) that images are made to fit into; None keeps their size.
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
