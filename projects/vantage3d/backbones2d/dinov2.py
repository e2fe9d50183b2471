"""DINOv2 (Oquab et al., arXiv 2304.07193; registers: arXiv 2309.16588) through timm."""

from collections.abc import Sequence
from typing import Any, cast

import timm
import torch
from timm.models import VisionTransformer
from torch import Tensor

from vantage3d.backbones2d.extractor import FeatureExtractor, Size
from vantage3d.geometry import resize_bicubic
from vantage3d.io.released_weights import BACKBONES

PATCH = 14
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet
DINOV2 = {  # our name -> timm's
    name: released.repo.removeprefix("timm/").partition(".")[0]
    for name, released in BACKBONES.items()
    if name.startswith("dinov2")
}


def create_vit(name: str) -> VisionTransformer:
    """The network of one of the names in ``DINOV2``, with random weights."""
    model = timm.create_model(DINOV2[name], pretrained=False, num_classes=0)
    return cast(VisionTransformer, model)


class DinoV2(FeatureExtractor):
    """Patch tokens of a DINOv2, after the final norm.

    Args:
        vit: timm's network; with register tokens it is taken for one of the models with
            registers.
        name: Our name of it.
        weights: sha256 of its weights file, or ``"random-seed-0"``.
        layers: Numbers of the blocks whose tokens are joined in this order, counted
            from 0, or from the end when negative; the last one by default.
        input_size: (W, H) that images are made to fit into; None keeps their size.

    Raises:
        ValueError: If a layer does not exist or is named twice.
    """

    def __init__(
        self,
        vit: VisionTransformer,
        name: str,
        weights: str,
        layers: Sequence[int] | None = None,
        input_size: Size | None = None,
    ) -> None:
        depth = len(vit.blocks)
        given = [depth - 1] if layers is None else list(layers)
        chosen = tuple(layer + depth if layer < 0 else layer for layer in given)
        unique = len(set(chosen)) == len(chosen)
        if not chosen or not unique or not all(0 <= layer < depth for layer in chosen):
            raise ValueError(
                f"`layers` must be different blocks of 0..{depth - 1}, or -1..-{depth} "
                f"counted from the end, got {given}. Leave it out for the last one"
            )
        super().__init__(
            name,
            weights,
            chosen,
            vit.patch_embed.patch_size[0],
            vit.embed_dim * len(chosen),
            MEAN,
            STD,
            input_size,
        )
        self.vit: Any = vit  # timm declares its tokens as optional
        self.eval().requires_grad_(False)

    def patch_features(self, images: Tensor) -> Tensor:
        """(B, C, h, w) tokens of normalised (B, 3, h * patch, w * patch) images."""
        patches = self.vit.patch_embed.proj(images)
        B, _, h, w = patches.shape  # the grid; it is never derived from its area
        tokens = self._with_positions(patches)
        outputs = {}
        for index, block in enumerate(self.vit.blocks[: max(self.layers) + 1]):
            tokens = block(tokens)
            if index in self.layers:
                outputs[index] = self.vit.norm(tokens)[:, self.vit.num_prefix_tokens :]
        joined = torch.cat([outputs[index] for index in self.layers], dim=-1)
        return joined.transpose(1, 2).reshape(B, self.channels, h, w)

    def _with_positions(self, patches: Tensor) -> Tensor:
        """(B, prefix + h * w, C) tokens that enter the first block."""
        B, _, h, w = patches.shape
        vit = self.vit
        position = vit.pos_embed
        prefix = [vit.cls_token]
        if not vit.no_embed_class:
            prefix = [vit.cls_token + position[:, :1]]
            position = position[:, 1:]
        if vit.reg_token is not None:
            prefix.append(vit.reg_token)
        grid = position.unflatten(1, vit.patch_embed.grid_size).permute(0, 3, 1, 2)
        grid = resize_positions(grid, (h, w), registers=vit.reg_token is not None)
        tokens = (patches + grid).flatten(2).transpose(1, 2)
        return torch.cat([*(p.expand(B, -1, -1) for p in prefix), tokens], dim=1)


def resize_positions(grid: Tensor, size: tuple[int, int], registers: bool) -> Tensor:
    """Positional embedding for another number of patches, as DINOv2 does.

    The models without registers were released with a scale that is a tenth of a patch
    too large and without antialiasing, those with registers the usual way.

    Args:
        grid: (1, C, h, w) embedding of the training resolution.
        size: (h, w) wanted.
        registers: Whether the model has registers.

    Returns:
        (1, C, *size).
    """
    if grid.shape[2:] == size:
        return grid
    if registers:
        return resize_bicubic(grid, size, antialias=True)
    scale = tuple((new + 0.1) / old for new, old in zip(size, grid.shape[2:]))
    return resize_bicubic(grid, scale_factor=scale)
