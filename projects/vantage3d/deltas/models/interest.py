"""The ResNet encoder, and interest points and descriptors on top of it: `supernet`.

Keypoints of the anchor are the detector's best, and random pixels beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import interpolate, normalize, pixel_shuffle

from vantage3d.checks import check_choice, check_positive
from vantage3d.deltas.maxima import dilate, remove_border

EXPANSION = 4  # of torchvision's Bottleneck
CELL = 8  # pixels per cell of logits and descriptors, both ways
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Pyramid(NamedTuple):
    """Feature maps at strides 2, 4, 8, 16 and 32, sizes rounded up."""

    half: Tensor
    quarter: Tensor
    eighth: Tensor
    sixteenth: Tensor
    deep: Tensor


class ResNetTrunk(nn.Module):
    """A bottleneck ResNet without pooling and classifier, with torchvision's names.

    With ``width=64`` and ``blocks=(3, 4, 6, 3)`` it is ResNet-50.

    Args:
        in_channels: Channels of the input.
        width: Channels of the first convolution; 4 x, 8 x, 16 x, 32 x as many leave the
            four stages.
        blocks: Bottlenecks of each stage.
    """

    def __init__(self, in_channels: int, width: int, blocks: Sequence[int]) -> None:
        from torchvision.models.resnet import Bottleneck

        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = width
        for stage, count in enumerate(blocks):
            planes, stride = width << stage, 2 if stage else 1
            out = planes * EXPANSION
            shortcut = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride=stride, bias=False),
                nn.BatchNorm2d(out),
            )
            first = Bottleneck(channels, planes, stride, shortcut)
            rest = [Bottleneck(out, planes) for _ in range(count - 1)]
            setattr(self, f"layer{stage + 1}", nn.Sequential(first, *rest))
            channels = out
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def encode(self, image: Tensor) -> Pyramid:
        """Feature maps of (B, C, H, W)."""
        half = self.relu(self.bn1(self.conv1(image)))
        quarter = self.layer1(self.maxpool(half))
        eighth = self.layer2(quarter)
        sixteenth = self.layer3(eighth)
        return Pyramid(half, quarter, eighth, sixteenth, self.layer4(sixteenth))


def pyramid_channels(width: int) -> Pyramid:
    """Channels of the maps of a trunk, as a pyramid of numbers."""
    return Pyramid(width, *(EXPANSION * width << stage for stage in range(4)))


class InterestNet(ResNetTrunk):
    """A ResNet with a detector and a descriptor head, one cell per 8 x 8 pixels.

    The names of its weights are those of the released checkpoints, arguments those of
    :class:`DELTAS`. Of a ``descriptor_stride`` below 8, with the same weights, the last
    convolution joins its finer maps at that resolution. With ``legacy`` images are
    normalised to [-1, 1] before the statistics of ImageNet are applied.
    """

    def __init__(
        self,
        width: int,
        blocks: Sequence[int],
        descriptor_dim: int,
        descriptor_stride: int,
        legacy: bool,
    ) -> None:
        super().__init__(3, width, blocks)
        check_choice("descriptor_stride", descriptor_stride, (CELL, 4, 2))
        self.descriptor_stride, self.legacy = descriptor_stride, legacy
        channels = pyramid_channels(width)
        half, quarter, eighth = channels.half, channels.quarter, channels.eighth
        self.convPa = nn.Conv2d(channels.deep, 4 * width, 3, padding=1)
        self.bnPa = nn.BatchNorm2d(4 * width)
        self.convPb = nn.Conv2d(4 * width, 2 * width, 3, padding=1)
        self.bnPb = nn.BatchNorm2d(2 * width)
        self.convPc = nn.Conv2d(2 * width, CELL * CELL + 1, 1)
        self.convDa = nn.Conv2d(channels.deep, 2 * width, 3, padding=1)
        self.bnDa = nn.BatchNorm2d(2 * width)
        self.convDb = nn.Conv2d(2 * width + eighth, 4 * width, 1)
        self.bnDb = nn.BatchNorm2d(4 * width)
        self.convDc = nn.Conv2d(4 * width, 4 * width, 3, padding=1)
        self.bnDc = nn.BatchNorm2d(4 * width)
        self.convDd = nn.Conv2d(4 * width + quarter + half, descriptor_dim, 1)

    def normalise(self, images: Tensor) -> Tensor:
        """The network's input of (B, 3, H, W) in [0, 1]."""
        mean, std = (images.new_tensor(v).view(3, 1, 1) for v in (MEAN, STD))
        images = ((images * 2 - 1 if self.legacy else images) - mean) / std
        return images.contiguous(memory_format=torch.channels_last)  # a tenth faster

    def detect(self, maps: Pyramid) -> Tensor:
        """(B, 65, h, w) logits: the pixels of each cell in rows, and none of them."""
        x = self.relu(self.bnPa(self.convPa(maps.deep)))
        x = _resize(x, maps.eighth)
        return self.convPc(self.relu(self.bnPb(self.convPb(x))))

    def describe(self, maps: Pyramid) -> Tensor:
        """(B, C, h, w) descriptors of unit length, one per ``descriptor_stride``."""
        x = _resize(self.relu(self.bnDa(self.convDa(maps.deep))), maps.eighth)
        x = torch.cat([x, maps.eighth], 1)
        x = self.relu(self.bnDb(self.convDb(x)))
        x = self.relu(self.bnDc(self.convDc(x)))
        grid = {8: maps.eighth, 4: maps.quarter, 2: maps.half}[self.descriptor_stride]
        joined = [_resize(part, grid) for part in (x, maps.quarter, maps.half)]
        return normalize(self.convDd(torch.cat(joined, 1)), dim=1)


def _resize(maps: Tensor, like: Tensor) -> Tensor:
    if maps.shape[-2:] == like.shape[-2:]:
        return maps
    return interpolate(maps, like.shape[-2:], mode="bilinear", align_corners=False)


_NMS_ROUNDS = 2  # in which neighbours of suppressed pixels get another chance


@dataclass(frozen=True)
class KeypointSelector:
    """Chooses N different pixels of each anchor.

    Attributes:
        num_kps: N.
        frac_superpoint: Largest share of them that comes from the detector; the others
            are drawn uniformly from the remaining pixels.
        detection_threshold: Smallest score of a detection.
        nms_radius: Pixels between detections, more than this in x or y.
        remove_borders: Pixels at each border without detections.

    Raises:
        ValueError: If a number makes no sense.
    """

    num_kps: int = 512
    frac_superpoint: float = 0.5
    detection_threshold: float = 0.0005
    nms_radius: int = 9
    remove_borders: int = 4

    def __post_init__(self) -> None:
        check_positive("num_kps", self.num_kps)
        if not 0 <= self.frac_superpoint <= 1:
            raise ValueError(
                f"`frac_superpoint` must be in [0, 1], got {self.frac_superpoint}."
            )

    def __call__(
        self, logits: Tensor, size: tuple[int, int], generator: Generator
    ) -> tuple[Tensor, Tensor]:
        """Keypoints of B anchors.

        Every sample gets the same draws, so its points do not depend on its batch.

        Args:
            logits: (B, 65, h, w) of the detector.
            size: (H, W) of the images, at most 8 h and 8 w.
            generator: On the CPU, for the random pixels.

        Returns:
            (B, N, 2) whole pixels (x, y), no two alike, and (B, N) scores, 0 where
            drawn.

        Raises:
            ValueError: If the image has fewer than N pixels.
        """
        height, width = size
        if self.num_kps > height * width:
            raise ValueError(
                f"`num_kps` must be at most the {height * width} pixels of a "
                f"{width}x{height} image, got {self.num_kps}."
            )
        scores = self.detections(logits, size).flatten(1)
        best = int(self.frac_superpoint * self.num_kps)
        found, place = scores.topk(best, dim=1)
        drawn = torch.rand(height * width, generator=generator).to(scores.device)
        # a draw is below 1, a detection above
        rank = drawn.expand_as(scores).scatter(
            1, place, torch.where(found > 0, 1 + found, drawn[place])
        )
        chosen = rank.topk(self.num_kps, dim=1).indices
        detected = rank.gather(1, chosen) > 1
        kept = torch.where(detected, scores.gather(1, chosen), 0)
        pixels = torch.stack([chosen % width, chosen // width], -1)
        return pixels.to(scores.dtype), kept

    def detections(self, logits: Tensor, size: tuple[int, int]) -> Tensor:
        """(B, H, W) scores of detections, 0 elsewhere."""
        height, width = size
        heat = pixel_shuffle(logits.softmax(1)[:, : CELL * CELL], CELL)
        heat = heat[..., :height, :width]
        strong = heat > self.detection_threshold
        # local maxima, none closer than the radius to a higher one
        radius = self.nms_radius
        peaks = heat == dilate(heat, radius)
        for _ in range(_NMS_ROUNDS):
            near = dilate(peaks.to(heat.dtype), radius) > 0
            rest = torch.where(near, torch.zeros_like(heat), heat)
            peaks = peaks | ((rest == dilate(rest, radius)) & ~near)
        return remove_border(heat * (peaks & strong), self.remove_borders)[:, 0]
