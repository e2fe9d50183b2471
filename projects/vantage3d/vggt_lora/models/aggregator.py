"""Tokens of frames: DINOv2 with registers, then attention within and over frames.

arXiv 2309.16588 and section 3.2 of VGGT.
"""

from collections import OrderedDict
from collections.abc import Collection

import torch
from torch import Tensor, nn

from vantage3d.backbones2d.networks import MEAN, STD, resize_positions
from vantage3d.vggt_lora.models.blocks import Block, RotaryTables, run, run_frames

REGISTERS = 4  # of the tokeniser, and of a frame
SIZES: dict[str, dict[str, int]] = {
    "dinov2_vits14_reg": dict(embed_dim=384, depth=12, num_heads=6),
    "dinov2_vitb14_reg": dict(embed_dim=768, depth=12, num_heads=12),
    "dinov2_vitl14_reg": dict(embed_dim=1024, depth=24, num_heads=16),
}
SPECIAL = 1 + REGISTERS  # camera token and registers stand before a frame's patches


class DinoVisionTransformer(nn.Module):
    """Patch tokens of images; arguments as :class:`VGGT`, ``depth`` blocks.

    The grid of positions of a square image is stored; those of other images are
    interpolated from it.
    """

    def __init__(
        self,
        img_size: int,
        patch_size: int,
        embed_dim: int,
        depth: int,
        num_heads: int,
        mlp_ratio: float = 4.0,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.grid, self.checkpointing = img_size // patch_size, checkpointing
        # Parameter names are those of DINOv2's and VGGT's checkpoints.
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + self.grid**2, embed_dim))
        self.register_tokens = nn.Parameter(torch.zeros(1, REGISTERS, embed_dim))
        # DINOv2's own training used it; released files have it.
        self.mask_token = nn.Parameter(torch.zeros(1, embed_dim), requires_grad=False)
        proj = nn.Conv2d(3, embed_dim, patch_size, patch_size)
        self.patch_embed = nn.Sequential(OrderedDict(proj=proj))
        self.blocks = nn.ModuleList(
            Block(embed_dim, num_heads, mlp_ratio, init_values=1.0, eps=1e-6)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.cls_token, std=1e-6)
        nn.init.normal_(self.register_tokens, std=1e-6)
        for module in self.blocks.modules():
            if isinstance(module, nn.Linear):
                nn.init.trunc_normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """(B, h w, C) tokens after the last norm, of (B, 3, h * patch, w * patch)."""
        patches = self.patch_embed(images)
        stored = self.pos_embed[:, 1:].unflatten(1, (self.grid, self.grid))
        grid, size = stored.permute(0, 3, 1, 2).float(), tuple(patches.shape[-2:])
        places = resize_positions(grid, size, registers=True)
        patches = patches + places.to(patches.dtype)
        first = self.cls_token + self.pos_embed[:, :1]  # registers have no position
        special = torch.cat([first, self.register_tokens], dim=1)
        tokens = patches.flatten(2).transpose(1, 2)
        special = special.to(tokens.dtype).expand(len(tokens), -1, -1)
        tokens = torch.cat([special, tokens], dim=1)
        for block in self.blocks:
            tokens = run_frames(block, self.checkpointing, tokens)
        return self.norm(tokens[:, 1 + REGISTERS :])


class Aggregator(nn.Module):
    """Tokens of all frames that know of each other; arguments as :class:`VGGT`.

    ``patch_embed`` makes the patch tokens.
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
        patches = self.patch_embed((images.flatten(0, 1) - self.mean) / self.std)
        special = torch.cat([self.camera_token, self.register_token], dim=2)
        special = first_and_others(special, S).expand(B, -1, -1, -1).flatten(0, 1)
        tokens = torch.cat([special.to(patches.dtype), patches], dim=1)
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


def first_and_others(pair: Tensor, count: int) -> Tensor:
    """(1, S, ...) from (1, 2, ...): one value for the first frame, one for the rest."""
    first, other = pair.split(1, dim=1)
    return torch.cat([first, other.expand(-1, count - 1, *pair.shape[2:])], dim=1)
