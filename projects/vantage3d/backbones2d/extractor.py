"""What every frozen image network has in common: images in, patch features out."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from vantage3d.checks import check_shape
from vantage3d.io.features import FeatureSource

Size = tuple[int, int]


class FeatureExtractor(nn.Module, ABC):
    """A frozen image network whose output is one feature per patch.

    Images are resized in proportion to fit into ``input_size`` (bilinear, antialiased,
    half-pixel rule), normalised, and then padded with zeros at the right and the bottom
    to whole patches.

    Args:
        name: Our name of the network.
        weights: sha256 of its weights file, or ``"random-seed-0"``.
        layers: Numbers of the layers whose outputs are joined.
        patch: Pixels of the padded input per patch.
        channels: Number of channels of all layers together.
        mean: Means of red, green, blue in 0..1.
        std: Standard deviations of red, green, blue.
        input_size: (W, H) that images are made to fit into; None keeps their size.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        name: str,
        weights: str,
        layers: tuple[int, ...],
        patch: int,
        channels: int,
        mean: tuple[float, ...],
        std: tuple[float, ...],
        input_size: Size | None = None,
    ) -> None:
        super().__init__()
        if input_size is not None and min(input_size) < patch:
            raise ValueError(
                f"`input_size` must be (W, H) of at least one patch of {patch} pixels, "
                f"got {tuple(input_size)}. ScanNet frames are 640x480; 560x420 fits "
                "them to whole patches of 14"
            )
        self.name, self.weights, self.layers = name, weights, layers
        self.patch, self.channels = patch, channels
        self.input_size = None if input_size is None else tuple(input_size)
        for key, value in (("mean", mean), ("std", std)):
            buffer = torch.tensor(value).reshape(3, 1, 1)
            self.register_buffer(key, buffer, persistent=False)

    @abstractmethod
    def patch_features(self, images: Tensor) -> Tensor:
        """(B, C, h, w) features of normalised (B, 3, h * patch, w * patch) images."""

    def train(self, mode: bool = True) -> "FeatureExtractor":
        """Stays in evaluation mode: the network is frozen."""
        return super().train(False)

    def forward(self, images: Tensor) -> Tensor:
        """Features of images of one size.

        Args:
            images: (B, 3, H, W) RGB, floats in 0..1 or bytes.

        Returns:
            (B, C, h, w), the grid of ``source((W, H)).grid``.

        Raises:
            ValueError: If the shape is another, or floats are not in 0..1.
        """
        return self.patch_features(self.prepare(images))

    def prepare(self, images: Tensor) -> Tensor:
        """Resized, normalised, padded (B, 3, h * patch, w * patch) images."""
        check_shape("images", images, "B 3 H W", fix="Give RGB, channels first.")
        if images.dtype == torch.uint8:
            images = images.to(self.mean.dtype) / 255
        elif images.numel() and (images.amax() > 1 or images.amin() < 0):
            raise ValueError(
                "`images` must be RGB in 0..1 or uint8, got floats in "
                f"{images.amin():g}..{images.amax():g}. Divide by 255, and do not "
                "normalise: the extractor does"
            )
        height, width = images.shape[-2:]
        w, h = self.fitted_size((width, height))
        if (w, h) != (width, height):
            images = functional.interpolate(
                images, (h, w), mode="bilinear", antialias=True
            )
        images = (images - self.mean) / self.std
        images = functional.pad(images, (0, -w % self.patch, 0, -h % self.patch))
        return images.contiguous()  # in another memory order, kernels round otherwise

    def fitted_size(self, image_size: Size) -> Size:
        """(W, H) that an image of ``image_size`` (W, H) has before padding."""
        if self.input_size is None:
            return image_size
        scale = min(new / old for new, old in zip(self.input_size, image_size))
        width, height = (max(1, round(size * scale)) for size in image_size)
        return width, height

    def source(self, image_size: Size) -> FeatureSource:
        """What the features of an image of ``image_size`` (W, H) are made of."""
        return FeatureSource(
            model=self.name,
            weights=self.weights,
            layers=self.layers,
            image_size=image_size,
            input_size=self.fitted_size(image_size),
            patch=self.patch,
            channels=self.channels,
        )


def autocast(device: torch.device, enabled: bool) -> torch.autocast:
    """Mixed precision: float16 on CUDA, bfloat16 elsewhere."""
    dtype = torch.float16 if device.type == "cuda" else torch.bfloat16
    return torch.autocast(device.type, dtype, enabled=enabled)
