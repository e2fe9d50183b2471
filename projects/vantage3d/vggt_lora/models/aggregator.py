"""Alternating attention within frames and over all frames (VGGT, section 3.2)."""

from collections.abc import Collection

import torch
from torch import Tensor, nn

from vantage3d.backbones2d.dinov2 import MEAN, STD
from vantage3d.vggt_lora.models.blocks import Block, run, run_frames
from vantage3d.vggt_lora.models.rope import RotaryTables
from vantage3d.vggt_lora.models.vision_transformer import DinoVisionTransformer

REGISTERS = 4
SPECIAL = 1 + REGISTERS  # camera token and registers stand before a frame's patches


class Aggregator(nn.Module):
    """Tokens of all frames that know of each other.

    Args:
        patch_embed: Makes the patch tokens, with ``embed_dim`` channels.
        embed_dim: C, channels.
        depth: Pairs of a frame block and a global block.
        num_heads: Attention heads.
        mlp_ratio: Hidden channels per channel.
        init_values: Initial layer scale.
        checkpointing: Compute the inside of blocks again in the backward pass.
    """

    def __init__(
        self,
        patch_embed: DinoVisionTransformer,
        embed_dim: int,
        depth: int,
        num_heads: int,
        mlp_ratio: float = 4.0,
        init_values: float = 0.01,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()

        def blocks() -> nn.ModuleList:
            sizes = (embed_dim, num_heads, mlp_ratio, init_values)
            return nn.ModuleList(Block(*sizes, qk_norm=True) for _ in range(depth))

        self.checkpointing = checkpointing
        self.rotary = RotaryTables(embed_dim // num_heads, SPECIAL)
        # Parameter names are those of the released checkpoints. Index 0 of the second
        # axis is for the first frame, 1 for all others.
        self.camera_token = nn.Parameter(torch.empty(1, 2, 1, embed_dim))
        self.register_token = nn.Parameter(torch.empty(1, 2, REGISTERS, embed_dim))
        nn.init.normal_(self.camera_token, std=1e-6)
        nn.init.normal_(self.register_token, std=1e-6)
        self.patch_embed = patch_embed
        self.frame_blocks, self.global_blocks = blocks(), blocks()
        for name, values in (("mean", MEAN), ("std", STD)):
            colour = torch.tensor(values).view(1, 3, 1, 1)
            self.register_buffer(name, colour, persistent=False)

    def forward(self, images: Tensor, layers: Collection[int]) -> dict[int, Tensor]:
        """Outputs of some of the pairs of blocks.

        Args:
            images: (B, S, 3, H, W) in [0, 1]; sides are multiples of the patch size.
            layers: Numbers of the pairs whose output is wanted. Only these are kept:
                they are most of the memory of a forward pass.

        Returns:
            (B, S, P, 2 C) by number: the frame block's channels, then the global
            block's. The ``SPECIAL`` first tokens of a frame are camera and registers.
        """
        B, S = images.shape[:2]
        tokens = self._tokens(images)
        frames, (P, C) = B * S, tokens.shape[1:]
        patch = self.patch_embed.patch_embed.proj.stride
        grid = images.shape[-2] // patch[0], images.shape[-1] // patch[1]
        rotary = self.rotary(*grid, tokens)
        kept = {}
        for i, pair in enumerate(zip(self.frame_blocks, self.global_blocks)):
            tokens = tokens.view(frames, P, C)
            tokens = run_frames(pair[0], self.checkpointing, tokens, rotary)
            outputs = [tokens] if i in layers else []
            tokens = tokens.view(B, S * P, C)
            tokens = run(pair[1], self.checkpointing, tokens, rotary)
            if i in layers:
                outputs.append(tokens)
                kept[i] = torch.cat([x.view(B, S, P, C) for x in outputs], dim=-1)
        return kept

    def _tokens(self, images: Tensor) -> Tensor:
        """(B S, P, C) tokens that enter the first block."""
        B, S = images.shape[:2]
        patches = self.patch_embed((images.flatten(0, 1) - self.mean) / self.std)
        special = torch.cat([self.camera_token, self.register_token], dim=2)
        special = first_and_others(special, S).expand(B, -1, -1, -1).flatten(0, 1)
        return torch.cat([special.to(patches.dtype), patches], dim=1)


def first_and_others(pair: Tensor, count: int) -> Tensor:
    """(1, S, ...) from (1, 2, ...): one value for the first frame, one for the rest."""
    first, other = pair.split(1, dim=1)
    return torch.cat([first, other.expand(-1, count - 1, *pair.shape[2:])], dim=1)
