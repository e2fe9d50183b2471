"""Convolutions that fuse the levels of a DPT head (Ranftl et al., arXiv 2103.13413)."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import interpolate


class ResidualConvUnit(nn.Module):
    """Two convolutions beside a skip connection.

    Args:
        features: Channels in and out.
    """

    def __init__(self, features: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv2 = nn.Conv2d(features, features, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w) from (B, C, h, w)."""
        x = x.relu()  # the released weights belong to a skip behind the first ReLU
        return self.conv2(self.conv1(x).relu()) + x


class FusionBlock(nn.Module):
    """Adds a finer level to what comes from the coarser ones, and resizes.

    Args:
        features: Channels in and out.
        has_finer: False for the coarsest level, with which the fusion begins.
    """

    def __init__(self, features: int, has_finer: bool) -> None:
        super().__init__()
        if has_finer:
            self.resConfUnit1 = ResidualConvUnit(features)
        self.resConfUnit2 = ResidualConvUnit(features)
        self.out_conv = nn.Conv2d(features, features, 1)

    def forward(self, x: Tensor, finer: Tensor | None, size: Sequence[int]) -> Tensor:
        """(B, C, *size) from (B, C, h, w) and a ``finer`` level of the same size."""
        if finer is not None:
            x = x + self.resConfUnit1(finer)
        x = resize(self.resConfUnit2(x), size)
        return self.out_conv(x)


class Scratch(nn.Module):
    """All levels to one map; named as in the released checkpoints.

    Args:
        in_channels: Channels of the four levels, the finest first.
        features: Channels of the fusion.
    """

    def __init__(self, in_channels: Sequence[int], features: int) -> None:
        super().__init__()
        for number, channels in enumerate(in_channels, start=1):
            conv = nn.Conv2d(channels, features, 3, padding=1, bias=False)
            self.add_module(f"layer{number}_rn", conv)
            block = FusionBlock(features, has_finer=number < len(in_channels))
            self.add_module(f"refinenet{number}", block)

    def forward(self, levels: Sequence[Tensor]) -> Tensor:
        """(B, features, 2 h, 2 w) from levels of which the finest is (B, C, h, w)."""
        numbers = range(1, len(levels) + 1)
        maps = {
            n: self.get_submodule(f"layer{n}_rn")(x) for n, x in zip(numbers, levels)
        }
        height, width = maps[1].shape[-2:]
        sizes = {n + 1: maps[n].shape[-2:] for n in numbers[:-1]}
        sizes[1] = (2 * height, 2 * width)
        coarsest = numbers[-1]
        x = self.get_submodule(f"refinenet{coarsest}")(
            maps[coarsest], None, sizes[coarsest]
        )
        for n in reversed(numbers[:-1]):
            x = self.get_submodule(f"refinenet{n}")(x, maps[n], sizes[n])
        return x


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, corner pixels on corner pixels."""
    return interpolate(x, tuple(size), mode="bilinear", align_corners=True)
