"""Small networks and recordings for the tests of feature extraction."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from timm.models import VisionTransformer
from torch import nn

from vantage3d.backbones2d import DinoV2, FeatureExtractor

SIZE = (70, 42)  # W, H: 5 x 3 patches of 14


def tiny_vit(registers: int = 0, depth: int = 3) -> VisionTransformer:
    """A DINOv2 in small, with layer scales that let every block matter."""
    torch.manual_seed(0)
    vit = VisionTransformer(
        img_size=56,
        patch_size=14,
        embed_dim=24,
        depth=depth,
        num_heads=3,
        init_values=0.5,
        num_classes=0,
        reg_tokens=registers,
        no_embed_class=registers > 0,
        dynamic_img_size=True,
    )
    return vit.eval()


def tiny_dinov2(registers: int = 0, **options) -> DinoV2:
    return DinoV2(tiny_vit(registers), "tiny", "random-seed-0", **options)


class PatchMeans(FeatureExtractor):
    """Mean colour of each patch: a network that looks at nothing else."""

    def __init__(self, weights: str = "a" * 64, input_size=None) -> None:
        zero, one = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
        super().__init__("means", weights, (0,), 14, 3, zero, one, input_size)
        self.pool = nn.AvgPool2d(14)
        self.calls: list[int] = []
        self.sizes: list[tuple[int, int]] = []

    def patch_features(self, images: torch.Tensor) -> torch.Tensor:
        self.calls.append(len(images))
        self.sizes.append(tuple(images.shape[-2:]))
        return self.pool(images)


def write_recording(root: Path, scenes: dict[str, list[str]], size=SIZE) -> Path:
    """``<scene>/color/<name>`` of noise; every image another."""
    rng = np.random.default_rng(0)
    for scene, names in scenes.items():
        folder = root / scene / "color"
        folder.mkdir(parents=True)
        for name in names:
            pixels = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
            Image.fromarray(pixels).save(folder / name)
    return root
