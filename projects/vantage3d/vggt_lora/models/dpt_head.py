"""Dense prediction from the tokens of four layers (DPT, arXiv 2103.13413)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

LAYERS = (4, 11, 17, 23)
POSITION_WEIGHT, POSITION_FREQUENCY = 0.1, 100.0


class ResidualConvUnit(nn.Module):
    """Two convolutions beside a skip connection, ``features`` channels in and out."""

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

    The fusion begins with the coarsest level, which has no finer one yet.
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
    """All levels, finest first, to one map; named as in the released checkpoints."""

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
        x, finer = maps[numbers[-1]], None
        for n in reversed(numbers):
            x = self.get_submodule(f"refinenet{n}")(x, finer, sizes[n])
            finer = maps.get(n - 1)
        return x


def resize(x: Tensor, size: Sequence[int]) -> Tensor:
    """Bilinear, corner pixels on corner pixels."""
    return interpolate(x, tuple(size), mode="bilinear", align_corners=True)


class DPTHead(nn.Module):
    """Maps of frames, each frame by itself.

    Args:
        dim_in: C, channels of the tokens.
        patch_size: Pixels of a side of a patch.
        output_dim: D, channels of the maps; None for feature maps, ``features`` wide
            and without positions, which the tracker wants.
        features: Channels of the fusion.
        out_channels: Channels of the four levels, the finest first.
        intermediate_layer_idx: The aggregator's layers that become the levels.
        down_ratio: Image pixels per pixel of the maps.

    Raises:
        ValueError: If there are not four levels, or a width cannot carry positions.
    """

    def __init__(
        self,
        dim_in: int,
        patch_size: int,
        output_dim: int | None,
        features: int = 256,
        out_channels: Sequence[int] = (256, 512, 1024, 1024),
        intermediate_layer_idx: Sequence[int] = LAYERS,
        down_ratio: int = 1,
    ) -> None:
        super().__init__()
        self.layers = tuple(intermediate_layer_idx)
        self.patch_size, self.down_ratio = patch_size, down_ratio
        self.has_positions = output_dim is not None
        width = features // 2 if self.has_positions else features
        if len(self.layers) != 4 or len(out_channels) != 4:
            raise ValueError(
                "`intermediate_layer_idx` and `out_channels` must have four entries, "
                f"got {list(self.layers)} and {list(out_channels)}"
            )
        if self.has_positions and any(c % 4 for c in (*out_channels, width)):
            raise ValueError(
                "`out_channels` and half of `features` must be multiples of 4 to carry "
                f"positions, got {list(out_channels)} and {width}"
            )
        # Parameter names are those of the released checkpoints.
        self.norm = nn.LayerNorm(dim_in)
        self.projects = nn.ModuleList(nn.Conv2d(dim_in, c, 1) for c in out_channels)
        a, b, _, d = out_channels
        self.resize_layers = nn.ModuleList(
            [
                nn.ConvTranspose2d(a, a, 4, 4),
                nn.ConvTranspose2d(b, b, 2, 2),
                nn.Identity(),
                nn.Conv2d(d, d, 3, 2, 1),
            ]
        )
        self.scratch = Scratch(out_channels, features)
        self.scratch.output_conv1 = nn.Conv2d(features, width, 3, padding=1)
        if output_dim is not None:
            self.scratch.output_conv2 = nn.Sequential(
                nn.Conv2d(width, 32, 3, padding=1),
                nn.ReLU(),
                nn.Conv2d(32, output_dim, 1),
            )

    def forward(self, image_size: tuple[int, int], *levels: Tensor) -> Tensor:
        """Maps of N frames.

        Args:
            image_size: (H, W) pixels of the frames.
            *levels: Four of (N, h w, C) patch tokens.

        Returns:
            (N, D, H / down, W / down).
        """
        grid = [side // self.patch_size for side in image_size]
        maps = []
        for tokens, project, to_level in zip(levels, self.projects, self.resize_layers):
            x = project(self.norm(tokens).transpose(1, 2).unflatten(2, grid))
            maps.append(to_level(self._placed(x, image_size)))
        x = self.scratch.output_conv1(self.scratch(maps))
        x = resize(x, [side // self.down_ratio for side in image_size])
        if not self.has_positions:
            return x
        return self.scratch.output_conv2(self._placed(x, image_size))

    def _placed(self, x: Tensor, image_size: tuple[int, int]) -> Tensor:
        """Maps with the position of each cell in the image added."""
        if not self.has_positions:
            return x
        return x + POSITION_WEIGHT * positions(x, image_size)


def positions(x: Tensor, image_size: tuple[int, int]) -> Tensor:
    """(4 d, h, w) places of the cells of maps (N, 4 d, h, w), as sines and cosines.

    Half of the channels tell u, the others v: sin, then cos, of d frequencies each.
    The half diagonal of the image, ``image_size`` (H, W) pixels, is 1.
    """
    _, channels, *size = x.shape
    centres = []
    for cells, side in zip(size, image_size):
        reach = side / (image_size[0] ** 2 + image_size[1] ** 2) ** 0.5
        at = torch.arange(cells, dtype=torch.float64, device=x.device)
        centres.append((2 * at - (cells - 1)) / cells * reach)
    return sine_maps(centres[0], centres[1], channels // 4, POSITION_FREQUENCY, x.dtype)


def sine_maps(y: Tensor, x: Tensor, d: int, base: float, dtype: torch.dtype) -> Tensor:
    """(4 d, h, w) sines, then cosines, of x (w,) and then of y (h,)."""
    exponents = torch.arange(d, dtype=torch.float64, device=x.device) / d
    codes = []
    for at in (x, y):
        angles = base ** -exponents[:, None] * at
        codes.append(torch.cat([angles.sin(), angles.cos()]).to(dtype))
    u, v, size = codes[0][:, None, :], codes[1][:, :, None], (len(y), len(x))
    return torch.cat([u.expand(-1, *size), v.expand(-1, *size)])


def inv_log(raw: Tensor) -> Tensor:
    """sign(y) (e^|y| - 1), the inverse of sign(x) log(1 + |x|)."""
    return raw.sign() * torch.expm1(raw.abs())


def activate(
    raw: Tensor, activation: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Values and confidence of a dense head.

    Args:
        raw: (..., D + 1, H, W), the confidence in the last channel.
        activation: Activation of the values.

    Returns:
        (..., H, W, D) values and (..., H, W) confidence, 1 + e^c.
    """
    raw = raw.movedim(-3, -1)
    return activation(raw[..., :-1]), 1 + raw[..., -1].exp()
