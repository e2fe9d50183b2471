"""The tracker's transformer: along the frames, and across points by virtual tracks."""

import torch
from timm.layers import Mlp
from torch import Tensor, nn

VIRTUAL = 64  # tracks through which points know of each other


class AttentionBlock(nn.Module):
    """Attention and a perceptron; the skip begins behind the first norm.

    Args:
        dim: C, channels.
        num_heads: Attention heads.
    """

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.attn = nn.MultiheadAttention(dim, num_heads, batch_first=True)
        self.mlp = Mlp(dim, 4 * dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) from (B, N, C)."""
        tokens = self.norm1(tokens)
        seen, _ = self.attn(tokens, tokens, tokens, need_weights=False)
        tokens = tokens + seen
        return tokens + self.mlp(self.norm2(tokens))


class CrossAttentionBlock(nn.Module):
    """As :class:`AttentionBlock`, looking at others.

    Args:
        dim: C, channels.
        num_heads: Attention heads.
    """

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.norm_context = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.cross_attn = nn.MultiheadAttention(dim, num_heads, batch_first=True)
        self.mlp = Mlp(dim, 4 * dim)

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        """(B, N, C) from (B, N, C) and (B, M, C)."""
        tokens, context = self.norm1(tokens), self.norm_context(context)
        seen, _ = self.cross_attn(tokens, context, context, need_weights=False)
        tokens = tokens + seen
        return tokens + self.mlp(self.norm2(tokens))


class TrackFormer(nn.Module):
    """Changes of all points in all frames.

    Args:
        dim_in: Channels of the input.
        hidden_size: Channels inside.
        dim_out: Channels of the result.
        depth: Blocks along the frames, each followed by three across the points.
        num_heads: Attention heads.
    """

    def __init__(
        self, dim_in: int, hidden_size: int, dim_out: int, depth: int, num_heads: int
    ) -> None:
        super().__init__()

        def blocks(kind: type[nn.Module]) -> nn.ModuleList:
            return nn.ModuleList(kind(hidden_size, num_heads) for _ in range(depth))

        # Parameter names, this spelling included, are those of released checkpoints.
        self.virual_tracks = nn.Parameter(torch.randn(1, VIRTUAL, 1, hidden_size))
        self.input_norm = nn.LayerNorm(dim_in)
        self.input_transform = nn.Linear(dim_in, hidden_size)
        self.output_norm = nn.LayerNorm(hidden_size)
        self.flow_head = nn.Linear(hidden_size, dim_out)
        self.time_blocks = blocks(AttentionBlock)
        self.space_virtual_blocks = blocks(AttentionBlock)
        self.space_point2virtual_blocks = blocks(CrossAttentionBlock)
        self.space_virtual2point_blocks = blocks(CrossAttentionBlock)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, S, N, dim_out) from (B, S, N, dim_in)."""
        B, S, N, _ = tokens.shape
        first = self.input_transform(self.input_norm(tokens))
        virtual = self.virual_tracks.transpose(1, 2).expand(B, S, -1, -1)
        tokens = torch.cat([first, virtual], dim=2)
        for along, *across in zip(
            self.time_blocks,
            self.space_virtual2point_blocks,
            self.space_virtual_blocks,
            self.space_point2virtual_blocks,
        ):
            tracks = along(tokens.transpose(1, 2).flatten(0, 1))
            tokens = tracks.unflatten(0, (B, -1)).transpose(1, 2)
            points, virtual = tokens.flatten(0, 1).split([N, VIRTUAL], dim=1)
            virtual = across[1](across[0](virtual, points))
            points = across[2](points, virtual)
            tokens = torch.cat([points, virtual], dim=1).unflatten(0, (B, S))
        return self.flow_head(self.output_norm(tokens[:, :, :N] + first))
