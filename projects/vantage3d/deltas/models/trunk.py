"""The ResNet encoder of images and of sparse depth maps."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torchvision.models.resnet import Bottleneck

EXPANSION = Bottleneck.expansion


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
        in_channels: Of the input.
        width: Channels of the first convolution; 4 x, 8 x, 16 x, 32 x as many leave the
            four stages.
        blocks: Bottlenecks of each stage.
    """

    def __init__(self, in_channels: int, width: int, blocks: Sequence[int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        channels = width
        for stage, count in enumerate(blocks):
            planes, stride = width << stage, 2 if stage else 1
            layer = _stage(channels, planes, count, stride)
            setattr(self, f"layer{stage + 1}", layer)
            channels = planes * EXPANSION
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


def _stage(channels: int, planes: int, count: int, stride: int) -> nn.Sequential:
    shortcut = nn.Sequential(
        nn.Conv2d(channels, planes * EXPANSION, 1, stride=stride, bias=False),
        nn.BatchNorm2d(planes * EXPANSION),
    )
    first = Bottleneck(channels, planes, stride, shortcut)
    rest = [Bottleneck(planes * EXPANSION, planes) for _ in range(count - 1)]
    return nn.Sequential(first, *rest)
