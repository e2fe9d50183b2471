"""Dense prediction from the tokens of four layers (DPT, arXiv 2103.13413)."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from vantage3d.vggt_lora.models.blocks import run
from vantage3d.vggt_lora.models.fusion import Scratch, resize

LAYERS = (4, 11, 17, 23)
POSITION_WEIGHT, POSITION_FREQUENCY = 0.1, 100.0


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
        _check_widths(self.layers, [*out_channels, width], self.has_positions)
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
    """Where the cells of a map lie in the image, as sines and cosines.

    Half of the channels tell u, the others v: sin, then cos, of d frequencies each.
    The image's half diagonal is 1.

    Args:
        x: (N, 4 d, h, w) maps.
        image_size: (H, W) pixels of the image; its aspect counts.

    Returns:
        (4 d, h, w).
    """
    _, channels, *size = x.shape
    d = channels // 4
    exponents = torch.arange(d, dtype=torch.float64, device=x.device) / d
    codes = []
    for cells, side in zip(size, image_size):
        reach = side / (image_size[0] ** 2 + image_size[1] ** 2) ** 0.5
        centres = torch.arange(cells, dtype=torch.float64, device=x.device)
        centres = (2 * centres - (cells - 1)) / cells * reach
        angles = POSITION_FREQUENCY ** -exponents[:, None] * centres
        codes.append(torch.cat([angles.sin(), angles.cos()]).to(x.dtype))
    v, u = codes
    return torch.cat([u[:, None, :].expand(-1, *size), v[:, :, None].expand(-1, *size)])


def dense_maps(
    head: DPTHead,
    kept: Mapping[int, Tensor],
    special: int,
    image_size: tuple[int, int],
    chunk: int,
    checkpointing: bool = False,
) -> Tensor:
    """Maps of all frames, a few frames at a time.

    Args:
        head: The head.
        kept: (B, S, P, C) tokens by the number of the aggregator's layer.
        special: Tokens in front of the patches.
        image_size: (H, W) pixels of the frames.
        chunk: Frames at a time; without gradients, memory beside the result is that of
            one chunk.
        checkpointing: The same with gradients, at the price of a second forward pass.

    Returns:
        (B S, D, H / down, W / down).
    """
    levels = [kept[layer].flatten(0, 1) for layer in head.layers]
    maps = [
        run(head, checkpointing, image_size, *(x[:, special:].float() for x in part))
        for part in zip(*(level.split(chunk) for level in levels))
    ]
    return torch.cat(maps)


def _check_widths(layers: Sequence[int], widths: list[int], placed: bool) -> None:
    if len(layers) != 4 or len(widths) != 5:
        raise ValueError(
            "`intermediate_layer_idx` and `out_channels` must have four entries, got "
            f"{list(layers)} and {widths[:-1]}"
        )
    if placed and any(width % 4 for width in widths):
        raise ValueError(
            "`out_channels` and half of `features` must be multiples of 4 to carry "
            f"positions, got {widths[:-1]} and {widths[-1]}"
        )
