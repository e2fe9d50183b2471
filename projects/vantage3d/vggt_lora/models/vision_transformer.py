"""DINOv2 with registers (arXiv 2309.16588), the tokeniser of VGGT's patches."""

from typing import Any

import torch
from torch import Tensor, nn

from vantage3d.backbones2d.dinov2 import resize_positions
from vantage3d.checks import check_choice
from vantage3d.vggt_lora.models.blocks import Block, run_frames

REGISTERS = 4
SIZES: dict[str, dict[str, int]] = {
    "dinov2_vits14_reg": dict(embed_dim=384, depth=12, num_heads=6),
    "dinov2_vitb14_reg": dict(embed_dim=768, depth=12, num_heads=12),
    "dinov2_vitl14_reg": dict(embed_dim=1024, depth=24, num_heads=16),
}


def tokeniser_sizes(patch_embed: str | dict[str, int]) -> dict[str, int]:
    """``embed_dim``, ``depth`` and ``num_heads`` of a name of :data:`SIZES`, or given.

    Raises:
        ValueError: If the name is unknown.
    """
    if isinstance(patch_embed, str):
        check_choice("patch_embed", patch_embed, SIZES, fix="Or give its sizes.")
        return SIZES[patch_embed]
    return patch_embed


class PatchProjection(nn.Module):
    """One token per patch.

    Args:
        patch_size: Pixels of a side of a patch.
        embed_dim: C, channels.
    """

    def __init__(self, patch_size: int, embed_dim: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, embed_dim, patch_size, patch_size)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, h, w) of (B, 3, H, W)."""
        return self.proj(images)


class DinoVisionTransformer(nn.Module):
    """Patch tokens of images.

    Args:
        img_size: Pixels of a side of the square image whose grid of positions is
            stored; those of other images are interpolated from it.
        patch_size: Pixels of a side of a patch.
        embed_dim: C, channels.
        depth: Blocks.
        num_heads: Attention heads.
        mlp_ratio: Hidden channels per channel.
        checkpointing: Compute the inside of blocks again in the backward pass.
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
        self.patch_embed = PatchProjection(patch_size, embed_dim)
        self.blocks = nn.ModuleList(
            Block(embed_dim, num_heads, mlp_ratio, init_values=1.0, eps=1e-6)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(embed_dim, eps=1e-6)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)
        nn.init.normal_(self.cls_token, std=1e-6)
        nn.init.normal_(self.register_tokens, std=1e-6)
        self.blocks.apply(_init_linear)

    def forward(self, images: Tensor) -> Tensor:
        """Patch tokens after the last norm.

        Args:
            images: (B, 3, h * patch, w * patch), normalised.

        Returns:
            (B, h * w, C).
        """
        patches = self.patch_embed(images)
        patches = patches + self._positions(patches.shape[-2:]).to(patches.dtype)
        first = self.cls_token + self.pos_embed[:, :1]  # registers have no position
        special = torch.cat([first, self.register_tokens], dim=1)
        tokens = patches.flatten(2).transpose(1, 2)
        special = special.to(tokens.dtype).expand(len(tokens), -1, -1)
        tokens = torch.cat([special, tokens], dim=1)
        for block in self.blocks:
            tokens = run_frames(block, self.checkpointing, tokens)
        return self.norm(tokens[:, 1 + REGISTERS :])

    def _positions(self, size: Any) -> Tensor:
        """(1, C, h, w) positions of a grid."""
        stored = self.pos_embed[:, 1:].unflatten(1, (self.grid, self.grid))
        grid = stored.permute(0, 3, 1, 2).float()
        return resize_positions(grid, tuple(size), registers=True)


def _init_linear(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.trunc_normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
