"""Dense depth from sparse points and image features: `depthnet`.

DenseASPP is after Yang et al., CVPR 2018.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, cat, nn
from torch.nn.functional import conv2d, conv_transpose2d, fold, interpolate

from vantage3d.deltas.models.interest import Pyramid, ResNetTrunk, pyramid_channels

Size = tuple[int, int]
KERNEL = 5
DILATIONS = (3, 6, 12, 18, 24)
NARROWER = 4  # times fewer channels than the image's encoder


class SpreadConvolution(nn.Conv2d):
    """A 5 x 5 convolution of its input spread out with zeros to twice the size.

    Three of four inputs would be zero, so it is computed as the transposed convolution
    that leaves them out; where there are fewer pixels than channels to compute, as one
    product with the kernel in its own layout, since copying it would take longer.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__(in_channels, out_channels, KERNEL, padding=2, bias=False)

    def forward(self, x: Tensor, size: Size, legacy: bool = False) -> Tensor:
        """(B, C', H, W) of (B, C, h, w), which go to even rows and columns.

        Args:
            x: The input.
            size: (H, W) of the result, at most 2 h and 2 w.
            legacy: Where H is no multiple of h, pixels are repeated, not spread.
        """
        batch, channels, height, width = x.shape
        if legacy and size[0] % height:
            return super().forward(interpolate(x, size))
        if batch * height * width < self.out_channels:
            # every pixel times every tap of the kernel, then added up
            pixels = x.transpose(0, 1).reshape(channels, -1)
            taps = (self.weight.flatten(2).mT @ pixels).flip(1)
            taps = taps.unflatten(-1, (batch, -1)).permute(2, 0, 1, 3).flatten(1, 2)
            y = fold(taps, (2 * height, 2 * width), KERNEL, padding=2, stride=2)
            y = y if self.bias is None else y + self.bias[:, None, None]
        else:
            kernel = self.weight.transpose(0, 1).flip(2, 3)
            y = conv_transpose2d(
                x, kernel, self.bias, stride=2, padding=2, output_padding=1
            )
        return y[..., : size[0], : size[1]]


class UpBlock(nn.Module):
    """Doubles the size; names of the released checkpoints.

    A map of ``side_channels``, if any, is joined after the first convolution. With
    ``legacy``, where the sizes are not multiples, pixels are repeated rather than
    spread, as upstream, so that the operator depends on the image size.
    """

    def __init__(
        self, in_channels: int, out_channels: int, side_channels: int, legacy: bool
    ) -> None:
        super().__init__()
        self.legacy = legacy
        self.conv1 = SpreadConvolution(in_channels, out_channels)
        self.bn1 = nn.BatchNorm2d(out_channels)
        if side_channels:
            joined = out_channels + side_channels
            self.conv1_1 = nn.Conv2d(joined, out_channels, 3, padding=1, bias=False)
            self.bn1_1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.sc_conv1 = SpreadConvolution(in_channels, out_channels)
        self.sc_bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor, size: Size, side: Tensor | None = None) -> Tensor:
        """(B, out, H, W) of (B, in, h, w), with ``size`` (H, W) that of ``side``."""
        a = self.relu(self.bn1(self.conv1(x, size, self.legacy)))
        if side is not None:
            a = self.relu(self.bn1_1(self.conv1_1(cat([a, side], 1))))
        shortcut = self.sc_bn1(self.sc_conv1(x, size, self.legacy))
        return self.relu(self.bn2(self.conv2(a)) + shortcut)


class Branch(nn.Module):
    """A 1 x 1 and a dilated 3 x 3 convolution."""

    def __init__(self, in_channels: int, channels: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(
            channels, channels, 3, padding=dilation, dilation=dilation, bias=False
        )
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w)."""
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)))


class DenseASPP(nn.Module):
    """Five branches, each on the input and all earlier branches; C in, C out.

    Every branch adds C / 2 channels.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        total = channels
        for number, dilation in enumerate(DILATIONS, 1):
            branch = Branch(total, channels // 2, dilation)
            setattr(self, f"daspp_{number}", branch)
            total += channels // 2
        self.convf = nn.Conv2d(total, channels, 3, padding=1, bias=False)
        self.bnf = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w)."""
        for number in range(1, len(DILATIONS) + 1):
            x = cat([x, getattr(self, f"daspp_{number}")(x)], 1)
        return self.relu(self.bnf(self.convf(x)))


class SparseToDenseNet(ResNetTrunk):
    """Encodes the sparse depth, joins the image's features, decodes dense depth.

    The names of its weights are those of the released checkpoints; ``width``, a
    multiple of 4, and ``blocks`` are those of :class:`ResNetTrunk`.
    """

    def __init__(self, width: int, blocks: Sequence[int], legacy: bool) -> None:
        super().__init__(1, width // NARROWER, blocks)
        image, depth = pyramid_channels(width), pyramid_channels(width // NARROWER)
        joined = Pyramid(*(a + b for a, b in zip(image, depth)))
        wide = [8 * width, 4 * width, 2 * width, width, width // 2]
        block = UpBlock
        self.gud_up_proj_layer1 = block(joined.deep, wide[0], joined.sixteenth, legacy)
        self.gud_up_proj_layer2 = block(wide[0], wide[1], joined.eighth, legacy)
        self.ASPP = DenseASPP(wide[1])
        self.gud_up_proj_layer3 = block(wide[1], wide[2], joined.quarter, legacy)
        self.gud_up_proj_layer4 = block(wide[2], wide[3], joined.half, legacy)
        self.gud_up_proj_layer5 = block(wide[3], wide[4], 0, legacy)
        self.conv_final = nn.Conv2d(wide[4], 1, 3, padding=1)
        self.conv_scale8 = nn.Conv2d(wide[1], 1, 1)
        self.conv_scale4 = nn.Conv2d(wide[2], 1, 1)
        self.conv_scale2 = nn.Conv2d(wide[3], 1, 1)

    def forward(self, sparse: Tensor, image: Pyramid) -> list[Tensor]:
        """Four depths (B, 1, h, w) in metres at strides 8, 4, 2 and 1, not clamped.

        Of ``sparse`` (B, 1, H, W) metres, 0 where there is no point.
        """
        depth = self.encode(sparse)
        side = [torch.cat(pair, 1) for pair in zip(depth[:-1], image[:-1])]
        # here, and here alone, the image comes first
        x = torch.cat([image.deep, depth.deep], 1)
        x = self.gud_up_proj_layer1(x, size_of(side[3]), side[3])
        x = self.ASPP(self.gud_up_proj_layer2(x, size_of(side[2]), side[2]))
        eighth = self.conv_scale8(x)
        x = self.gud_up_proj_layer3(x, size_of(side[1]), side[1])
        quarter = self.conv_scale4(x)
        x = self.gud_up_proj_layer4(x, size_of(side[0]), side[0])
        half = self.conv_scale2(x)
        full = self.conv_final(self.gud_up_proj_layer5(x, size_of(sparse)))
        return [eighth, quarter, half, full]


def size_of(maps: Tensor) -> tuple[int, int]:
    """(H, W) of (B, C, H, W)."""
    return maps.shape[-2], maps.shape[-1]


NEARBY = 16  # of so many such lengths in the image's width
AGREE = 0.1  # relative difference of a point and the dense depth there
FEW = 0.5  # of a point next to a pixel that count as none


def depth_confidence(
    keypoints: Tensor, z: Tensor, valid: Tensor, depth: Tensor
) -> Tensor:
    """(B, H, W) in [0, 1): how well triangulated points nearby agree with the depth.

    A mean over the points around each pixel, by a Gaussian of their distance, of
    exp(-|d - z| / (0.1 z)); 0 where there are none, whatever was made up there.

    Args:
        keypoints: (B, N, 2) whole pixels.
        z: (B, N) metres.
        valid: (B, N) bool: points that the dense depth was made from.
        depth: (B, H, W) metres.
    """
    width = depth.shape[-1]
    column, row = keypoints.long().unbind(-1)
    found = depth.flatten(1).gather(1, row * width + column)
    agreement = torch.exp(-(found - z).abs() / (AGREE * z.abs().clamp(min=1e-3)))
    weights = torch.stack([agreement * valid, valid.to(depth.dtype)], 1)
    maps = depth.new_zeros(len(depth), 2, depth.shape[-2] * width)
    maps.scatter_add_(2, (row * width + column)[:, None].expand_as(weights), weights)
    sigma = width / NEARBY
    reach = torch.arange(-int(3 * sigma), int(3 * sigma) + 1).to(depth)
    bell = torch.exp(-(reach**2) / (2 * sigma**2))[None, None, None]
    maps = maps.view(-1, 1, *depth.shape[-2:])
    maps = conv2d(maps, bell, padding="same")
    maps = conv2d(maps, bell.mT, padding="same")
    agreeing, around = maps.view(-1, 2, *depth.shape[-2:]).unbind(1)
    return agreeing / (around + FEW)


def sparse_depth(
    keypoints: Tensor,
    z: Tensor,
    valid: Tensor,
    size: tuple[int, int],
    legacy: bool,
) -> Tensor:
    """(B, 1, H, W) map of the keypoints' depths, 0 where there is no valid one.

    Args:
        keypoints: (B, N, 2) pixels; truncated to whole ones.
        z: (B, N) metres.
        valid: (B, N) bool.
        size: (H, W) of the map.
        legacy: As upstream, a later keypoint of the same pixel erases an earlier one
            even if it is not valid. Else the last valid one counts.
    """
    height, width = size
    column, row = keypoints.long().unbind(-1)
    place = row * width + column
    order = torch.arange(1, place.shape[1] + 1, device=place.device).expand_as(place)
    if not legacy:
        order = order * valid
    last = place.new_zeros(len(place), height * width)
    last = last.scatter_reduce(1, place, order, "amax")
    values = torch.where(valid, z, 0)
    values = torch.cat([torch.zeros_like(values[:, :1]), values], 1)
    return values.gather(1, last).view(-1, 1, height, width)
