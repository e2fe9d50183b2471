"""Decoder blocks: upsampling, 5 x 5 convolutions and a shortcut."""

from torch import Tensor, cat, nn
from torch.nn.functional import conv_transpose2d, fold, interpolate

Size = tuple[int, int]
KERNEL = 5


def spread_convolution(x: Tensor, conv: nn.Conv2d, size: Size) -> Tensor:
    """A 5 x 5 convolution of ``x`` spread out with zeros to twice its size.

    Three of four inputs would be zero, so it is computed as the transposed convolution
    that leaves them out; where there are fewer pixels than channels to compute, as one
    product with the kernel in its own layout, since copying it would take longer.

    Args:
        x: (B, C, h, w); it goes to even rows and columns.
        conv: Kernel 5, padding 2, no bias.
        size: (H, W) of the result, at most 2 h and 2 w.
    """
    batch, _, height, width = x.shape
    if batch * height * width < conv.out_channels:
        y = _few_pixels(x, conv)
    else:
        kernel = conv.weight.transpose(0, 1).flip(2, 3)
        y = conv_transpose2d(x, kernel, stride=2, padding=2, output_padding=1)
    return y[..., : size[0], : size[1]]


def _few_pixels(x: Tensor, conv: nn.Conv2d) -> Tensor:
    """(B, out, 2 h, 2 w), every pixel times every tap of the kernel, then added up."""
    batch, channels, height, width = x.shape
    pixels = x.transpose(0, 1).reshape(channels, -1)
    taps = (conv.weight.flatten(2).mT @ pixels).flip(1)
    taps = taps.unflatten(-1, (batch, -1)).permute(2, 0, 1, 3).flatten(1, 2)
    return fold(taps, (2 * height, 2 * width), KERNEL, padding=2, stride=2)


class UpBlock(nn.Module):
    """Doubles the size; names of the released checkpoints.

    Args:
        in_channels: Of the input.
        out_channels: Of the output.
        side_channels: Of the encoder's map that is joined after the first convolution;
            0 for none.
        legacy: Where the sizes are not multiples, repeat pixels rather than spread
            them, as upstream, so that the operator depends on the image size.
    """

    def __init__(
        self, in_channels: int, out_channels: int, side_channels: int, legacy: bool
    ) -> None:
        super().__init__()
        self.legacy = legacy
        self.conv1 = _wide(in_channels, out_channels)
        self.bn1 = nn.BatchNorm2d(out_channels)
        if side_channels:
            joined = out_channels + side_channels
            self.conv1_1 = nn.Conv2d(joined, out_channels, 3, padding=1, bias=False)
            self.bn1_1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.sc_conv1 = _wide(in_channels, out_channels)
        self.sc_bn1 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor, size: Size, side: Tensor | None = None) -> Tensor:
        """(B, out, H, W) of (B, in, h, w), with ``size`` (H, W) that of ``side``."""
        if self.legacy and size[0] % x.shape[-2]:
            x = interpolate(x, size)
            a, shortcut = self.conv1(x), self.sc_conv1(x)
        else:
            a = spread_convolution(x, self.conv1, size)
            shortcut = spread_convolution(x, self.sc_conv1, size)
        a = self.relu(self.bn1(a))
        if side is not None:
            a = self.relu(self.bn1_1(self.conv1_1(cat([a, side], 1))))
        return self.relu(self.bn2(self.conv2(a)) + self.sc_bn1(shortcut))


def _wide(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, KERNEL, padding=2, bias=False)
