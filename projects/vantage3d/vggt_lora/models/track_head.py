"""Tracks of points, refined in rounds (as CoTracker, arXiv 2307.07635)."""

from collections.abc import Sequence

import torch
from timm.layers import Mlp
from torch import Tensor, nn

from vantage3d.vggt_lora.models.aggregator import first_and_others
from vantage3d.vggt_lora.models.correlation import correlate, feature_pyramid, sample_at
from vantage3d.vggt_lora.models.dpt_head import LAYERS, DPTHead
from vantage3d.vggt_lora.models.track_former import TrackFormer

STRIDE = 2  # image pixels per pixel of the feature maps
MAX_SCALE = 518  # image pixels by which motions are divided
MOTION_STEP, POSITION_BASE = 1000.0, 10000.0


class TrackHead(nn.Module):
    """Feature maps for the tracker, and the tracker.

    Args:
        dim_in: C, channels of the tokens.
        patch_size: Pixels of a side of a patch.
        features: Channels of the feature maps.
        out_channels: As in :class:`DPTHead`.
        intermediate_layer_idx: As in :class:`DPTHead`.
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
        self.feature_extractor = DPTHead(
            dim_in,
            patch_size,
            None,
            features,
            out_channels,
            intermediate_layer_idx,
            down_ratio=STRIDE,
        )
        self.tracker = Tracker(features, **tracker)


class Tracker(nn.Module):
    """Refines positions and features of points by what the maps show around them.

    Args:
        features: C, channels of the feature maps.
        iters: Rounds.
        corr_levels: Levels of the pyramid of maps.
        corr_radius: Pixels around a point that are looked at in each level.
        hidden_size: Channels of the transformer.
        depth: Its blocks along the frames, and across the points.
        num_heads: Its attention heads.
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
        self.corr_mlp = Mlp(window, hidden_size, features)
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
        constant = self._constant(maps, start)
        for _ in range(self.iters):
            coords = coords.detach()
            tokens = self._tokens(pyramid, coords, feats) + constant
            change = self.updateformer(tokens)
            feats = feats + self._feature_update(change[..., 2:])
            # the first frame's positions are given
            coords = torch.cat(
                [start[:, None], (coords + change[..., :2])[:, 1:]], dim=1
            )
        vis, conf = (
            head(feats).squeeze(-1).sigmoid()
            for head in (self.vis_predictor, self.conf_predictor)
        )
        return coords * STRIDE, vis, conf

    def _constant(self, maps: Tensor, start: Tensor) -> Tensor:
        """(B, S, N, width) what a token knows of its query and its frame."""
        S, width = maps.shape[1], self.query_ref_token.shape[-1]
        grid = position_grid(width, maps.shape[-2:], maps)
        where = sample_at(grid.expand(len(maps), -1, -1, -1), start)
        return where[:, None] + first_and_others(self.query_ref_token, S)[:, :, None]

    def _tokens(
        self, pyramid: Sequence[Tensor], coords: Tensor, feats: Tensor
    ) -> Tensor:
        """(B, S, N, width) input of the transformer."""
        seen = self.corr_mlp(correlate(pyramid, coords, feats, self.radius))
        motion = coords - coords[:, :1]
        code = motion_code(motion, feats.shape[-1] // 2)
        motion = motion / MAX_SCALE
        return torch.cat([code, motion, motion, seen, feats], dim=-1)

    def _feature_update(self, change: Tensor) -> Tensor:
        flat = change.flatten(0, -2)
        return self.ffeat_updater(self.ffeat_norm(flat)).view(change.shape)


def motion_code(motion: Tensor, channels: int) -> Tensor:
    """Sines and cosines of a motion, alternating, of x and then of y.

    Args:
        motion: (..., 2) map pixels.
        channels: Of each axis.

    Returns:
        (..., 2 * channels).
    """
    steps = torch.arange(0, channels, 2, device=motion.device, dtype=motion.dtype)
    angles = motion[..., None] * steps * (MOTION_STEP / channels)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-3)


def position_grid(channels: int, size: Sequence[int], like: Tensor) -> Tensor:
    """Positions of a map's pixels: sines, then cosines, of x and then of y.

    Args:
        channels: A multiple of four.
        size: (h, w).
        like: Device and type of the result.

    Returns:
        (1, channels, h, w).
    """
    d = channels // 4
    exponents = torch.arange(d, dtype=torch.float64, device=like.device) / d
    codes = []
    for cells in size:
        at = torch.arange(cells, dtype=torch.float64, device=like.device)
        angles = POSITION_BASE ** -exponents[:, None] * at
        codes.append(torch.cat([angles.sin(), angles.cos()]).to(like.dtype))
    y, x = codes
    grid = [x[:, None, :].expand(-1, *size), y[:, :, None].expand(-1, *size)]
    return torch.cat(grid)[None]
