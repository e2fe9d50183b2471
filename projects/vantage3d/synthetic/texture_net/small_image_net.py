"""A small image network for experiments that must run anywhere: 0.12 M parameters."""

import hashlib
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn.functional import pad

from vantage3d.checks import check_shape
from vantage3d.io.atomic import atomic_write_bytes
from vantage3d.io.features import FeatureSource

NAME = "small_image_net"
PATCH, CHANNELS = 8, 64


class SmallImageNet(nn.Module):
    """Six convolutions to stride 8; the last gives the features.

    Args:
        classes: Of the linear classifier that it is trained with.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        widths = [(3, 16, 1), (16, 32, 2), (32, 48, 2), (48, 64, 2), (64, 64, 1)]
        self.trunk = nn.Sequential(*(_block(*width) for width in widths))
        self.last = nn.Conv2d(64, CHANNELS, 3, padding=1)
        self.norm = nn.BatchNorm2d(CHANNELS, affine=False)
        self.classifier = nn.Conv2d(CHANNELS, classes, 1)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 64, h, w) features of (B, 3, H, W) RGB in 0..1, one per 8 x 8 pixels.

        Images are padded at the right and the bottom to whole patches. Over the
        training images every channel has mean 0 and variance 1.
        """
        check_shape("images", images, "B 3 H W", fix="Give RGB, channels first.")
        height, width = images.shape[-2:]
        images = pad(images - 0.5, (0, -width % PATCH, 0, -height % PATCH))
        return self.norm(self.last(self.trunk(images)))

    def logits(self, images: Tensor) -> Tensor:
        """(B, K, h, w) scores of the classes it is trained with."""
        return self.classifier(self(images))


def _block(before: int, after: int, stride: int) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 3, stride, 1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True))


def feature_source(weights: str, size: tuple[int, int]) -> FeatureSource:
    """What made features of images of ``size`` (W, H), which are not resized."""
    return FeatureSource(NAME, weights, (6,), size, size, PATCH, CHANNELS)


def save_small_image_net(path: str | Path, model: SmallImageNet) -> str:
    """Write the weights as safetensors; return their sha256."""
    data = save({k: v.contiguous() for k, v in model.state_dict().items()})
    atomic_write_bytes(path, data)
    return hashlib.sha256(data).hexdigest()


def load_small_image_net(path: str | Path) -> tuple[SmallImageNet, str]:
    """The trained network, for prediction, and the sha256 of its file.

    Raises:
        FileNotFoundError: If the file is missing.
        ValueError: If it holds another network.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"weights {path} are missing. Train them with tools/train_small_features.py"
        )
    state = load_file(path)
    if "classifier.weight" not in state:
        raise ValueError(
            f"{path} holds {sorted(state)[:4]}, expected the keys of {NAME} "
            "(tools/train_small_features.py)"
        )
    model = SmallImageNet(len(state["classifier.weight"]))
    model.load_state_dict(state)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return model.eval().requires_grad_(False), digest


@torch.no_grad()
def image_features(model: SmallImageNet, image: Tensor) -> Tensor:
    """(64, h, w) features of one (H, W, 3) uint8 RGB image."""
    return model(image.permute(2, 0, 1)[None].float() / 255)[0]
