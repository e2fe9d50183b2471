"""Tracks of points, refined in rounds (as CoTracker, arXiv 2307.07635)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from vantage3d.geometry import sample_maps
from vantage3d.vggt_lora.models.aggregator import first_and_others
from vantage3d.vggt_lora.models.blocks import perceptron
from vantage3d.vggt_lora.models.dpt_head import LAYERS, DPTHead, sine_maps

VIRTUAL = 64  # tracks through which points know of each other
STRIDE = 2  # image pixels per pixel of the feature maps
MAX_SCALE = 518  # image pixels by which motions are divided
MOTION_STEP, POSITION_BASE = 1000.0, 10000.0


def feature_pyramid(maps: Tensor, levels: int) -> list[Tensor]:
    """Maps (B, S, C, h, w) at full, half, ...: (B, S, C, h >> i, w >> i) for level i.

    Raises:
        ValueError: If the last level would have no pixel.
    """
    smallest = 1 << (levels - 1)
    height, width = maps.shape[-2:]
    if min(height, width) < smallest:
        raise ValueError(
            f"feature maps for tracking must have sides of at least {smallest} pixels "
            f"for {levels} levels, got {height} x {width}. Give larger images, at "
            f"least {2 * smallest} pixels on a side"
        )
    pyramid = [maps]
    for _ in range(levels - 1):
        halved = avg_pool2d(pyramid[-1].flatten(0, 1), 2, 2)
        pyramid.append(halved.unflatten(0, maps.shape[:2]))
    return pyramid


def sample_at(maps: Tensor, pixels: Tensor) -> Tensor:
    """Bilinear samples (B, ..., C) of maps (B, C, h, w), zero outside.

    Along a side of one pixel every position is that pixel, as in the network that the
    released weights come from. ``pixels`` (B, ..., 2) are (x, y), centres at integers.
    """
    height, width = maps.shape[-2:]
    if min(height, width) == 1:
        pixels = pixels * pixels.new_tensor([width > 1, height > 1])
    return sample_maps(maps, pixels, "zeros")


def correlate(
    pyramid: Sequence[Tensor], coords: Tensor, feats: Tensor, radius: int
) -> Tensor:
    """Scaled products of point features with the maps around the points.

    The window is sampled first and multiplied then, so memory does not grow with the
    size of the maps.

    Args:
        pyramid: (B, S, C, h >> i, w >> i) of :func:`feature_pyramid`.
        coords: (B, S, N, 2) positions (x, y) in the pixels of the first level.
        feats: (B, S, N, C) features of the points.
        radius: r pixels of each level.

    Returns:
        (B, S, N, levels * (2 r + 1)^2); within a level x changes slowest.
    """
    steps = torch.arange(-radius, radius + 1, device=coords.device, dtype=coords.dtype)
    # the released weights expect the window transposed: rows of constant x
    window = torch.stack(torch.meshgrid(steps, steps, indexing="ij"), -1).flatten(0, 1)
    feats = feats.flatten(0, 1)[..., None]
    products = []
    for level, maps in enumerate(pyramid):
        around = (coords / 2**level)[..., None, :] + window
        seen = sample_at(maps.flatten(0, 1), around.flatten(0, 1))  # (B S, N, W, C)
        products.append((seen @ feats).squeeze(-1))
    joined = torch.cat(products, dim=-1) / feats.shape[-2] ** 0.5
    return joined.unflatten(0, coords.shape[:2])


class AttentionBlock(nn.Module):
    """Attention and a perceptron; the skip begins behind the first norm."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.attn = nn.MultiheadAttention(dim, num_heads, batch_first=True)
        self.mlp = perceptron(dim, 4 * dim)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) from (B, N, C)."""
        tokens = self.norm1(tokens)
        seen, _ = self.attn(tokens, tokens, tokens, need_weights=False)
        tokens = tokens + seen
        return tokens + self.mlp(self.norm2(tokens))


class CrossAttentionBlock(nn.Module):
    """An :class:`AttentionBlock` whose keys and values come from other tokens."""

    def __init__(self, dim: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.norm_context = nn.LayerNorm(dim)
        self.norm2 = nn.LayerNorm(dim)
        self.cross_attn = nn.MultiheadAttention(dim, num_heads, batch_first=True)
        self.mlp = perceptron(dim, 4 * dim)

    def forward(self, tokens: Tensor, context: Tensor) -> Tensor:
        """(B, N, C) from (B, N, C) and (B, M, C)."""
        tokens, context = self.norm1(tokens), self.norm_context(context)
        seen, _ = self.cross_attn(tokens, context, context, need_weights=False)
        tokens = tokens + seen
        return tokens + self.mlp(self.norm2(tokens))


class TrackFormer(nn.Module):
    """Changes of all points in all frames.

    Each of ``depth`` blocks along the frames is followed by three across the points.
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


class TrackHead(nn.Module):
    """Feature maps for the tracker, and the tracker.

    Args:
        dim_in: C, channels of the tokens.
        patch_size: Pixels of a side of a patch.
        features: Channels of the feature maps.
        out_channels: Channels of the four levels of the :class:`DPTHead`.
        intermediate_layer_idx: Layers that become the levels of the :class:`DPTHead`.
        **tracker: Other arguments of :class:`Tracker`.
    """

    def __init__(
        self,
        dim_in: int,
        patch_size: int,
        features: int = 128,
        out_channels: Sequence[int] = (256, 512, 1024, 1024),
        intermediate_layer_idx: Sequence[int] = LAYERS,
        **tracker: int,
    ) -> None:
        super().__init__()
        sizes = (dim_in, patch_size, None, features, out_channels)
        self.feature_extractor = DPTHead(*sizes, intermediate_layer_idx, STRIDE)
        self.tracker = Tracker(features, **tracker)


class Tracker(nn.Module):
    """Refines positions and features of points by what the maps show around them.

    Args:
        features: C, channels of the feature maps.
        iters: Rounds.
        corr_levels: Levels of the pyramid of maps.
        corr_radius: Pixels around a point that are looked at in each level.
        hidden_size: Channels of the transformer.
        depth: Blocks of the transformer along the frames, and across the points.
        num_heads: Attention heads of the transformer.
    """

    def __init__(
        self,
        features: int,
        iters: int = 4,
        corr_levels: int = 7,
        corr_radius: int = 4,
        hidden_size: int = 384,
        depth: int = 6,
        num_heads: int = 8,
    ) -> None:
        super().__init__()
        self.iters, self.levels, self.radius = iters, corr_levels, corr_radius
        window = corr_levels * (2 * corr_radius + 1) ** 2
        width = 3 * features + 4  # motion as code and number, correlation, feature
        # Parameter names are those of the released checkpoints.
        self.query_ref_token = nn.Parameter(torch.randn(1, 2, width))
        self.corr_mlp = perceptron(window, hidden_size, features)
        self.updateformer = TrackFormer(
            width, hidden_size, features + 2, depth, num_heads
        )
        self.fmap_norm = nn.LayerNorm(features)
        self.ffeat_norm = nn.GroupNorm(1, features)
        self.ffeat_updater = nn.Sequential(nn.Linear(features, features), nn.GELU())
        self.vis_predictor = nn.Sequential(nn.Linear(features, 1))
        self.conf_predictor = nn.Sequential(nn.Linear(features, 1))

    def forward(self, maps: Tensor, queries: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Tracks of points of the first frame.

        The network encodes motions by sines of up to 1000 times the motion, so from
        round to round rounding errors grow a thousandfold: two computers agree within a
        few tenths of a pixel after four rounds, not closer.

        Args:
            maps: (B, S, C, h, w) features of the frames.
            queries: (B, N, 2) image pixels (x, y) in the first frame.

        Returns:
            (B, S, N, 2) image pixels, and (B, S, N) probabilities that the point is
            visible, and that its track is right.

        Raises:
            ValueError: If the maps are too small for the pyramid.
        """
        S = maps.shape[1]
        maps = self.fmap_norm(maps.movedim(2, -1)).movedim(-1, 2)
        pyramid = feature_pyramid(maps, self.levels)
        start = queries / STRIDE
        coords = start[:, None].repeat(1, S, 1, 1)
        feats = sample_at(maps[:, 0], start)[:, None].repeat(1, S, 1, 1)
        # what a token knows of its query and its frame
        grid = position_grid(self.query_ref_token.shape[-1], maps.shape[-2:], maps)
        where = sample_at(grid.expand(len(maps), -1, -1, -1), start)[:, None]
        constant = where + first_and_others(self.query_ref_token, S)[:, :, None]
        for _ in range(self.iters):
            coords = coords.detach()
            tokens = self._tokens(pyramid, coords, feats) + constant
            change = self.updateformer(tokens)
            update = self.ffeat_norm(change[..., 2:].flatten(0, -2))
            feats = feats + self.ffeat_updater(update).view(feats.shape)
            # the first frame's positions are given
            coords = torch.cat(
                [start[:, None], (coords + change[..., :2])[:, 1:]], dim=1
            )
        vis, conf = (
            head(feats).squeeze(-1).sigmoid()
            for head in (self.vis_predictor, self.conf_predictor)
        )
        return coords * STRIDE, vis, conf

    def _tokens(
        self, pyramid: Sequence[Tensor], coords: Tensor, feats: Tensor
    ) -> Tensor:
        """(B, S, N, width) input of the transformer."""
        seen = self.corr_mlp(correlate(pyramid, coords, feats, self.radius))
        motion = coords - coords[:, :1]
        code = motion_code(motion, feats.shape[-1] // 2)
        motion = motion / MAX_SCALE
        return torch.cat([code, motion, motion, seen, feats], dim=-1)


def motion_code(motion: Tensor, channels: int) -> Tensor:
    """(..., 2 * channels) sines and cosines, alternating, of x and then of y.

    ``motion`` is (..., 2) in map pixels; each axis has ``channels``.
    """
    steps = torch.arange(0, channels, 2, device=motion.device, dtype=motion.dtype)
    angles = motion[..., None] * steps * (MOTION_STEP / channels)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-3)


def position_grid(channels: int, size: Sequence[int], like: Tensor) -> Tensor:
    """(1, channels, h, w) sines, then cosines, of a pixel's x and then of its y.

    ``channels`` is a multiple of four, ``like`` gives device and type of the result.
    """
    y, x = (
        torch.arange(cells, dtype=torch.float64, device=like.device) for cells in size
    )
    return sine_maps(y, x, channels // 4, POSITION_BASE, like.dtype)[None]
