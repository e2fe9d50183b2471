"""Densely connected dilated convolutions."""

from torch import Tensor, cat, nn

DILATIONS = (3, 6, 12, 18, 24)


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

    Args:
        channels: C; every branch adds half as many.
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
