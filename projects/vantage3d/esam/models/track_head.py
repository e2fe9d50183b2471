"""Queries as unit vectors of a tracker: which instance, and which of one frame are one.

Written from the description of AutoSeg3D (arXiv 2512.07599): a query looks at those of
the frame before, and learned affinities say what belongs together.
"""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from vantage3d.esam.models.query_decoder import mlp
from vantage3d.registry import MODELS


class TrackVectors(NamedTuple):
    """What a tracker compares, of the Q queries of a frame.

    Cosines are affinities, by ``affinity_logits`` of ``vantage3d.esam.online``.

    Attributes:
        instances: (Q, D) unit vectors, for instances of earlier frames.
        parts: (Q, D) unit vectors, for detections of the same frame.
    """

    instances: Tensor
    parts: Tensor


class MemoryAttention(nn.Module):
    """Queries look at those of the frame before; at first they stay as they are.

    The norm stands before the attention, whose last layer starts at zero, so that an
    untrained one changes no bit.

    Args:
        d_model: Channels of the queries.
        num_heads: Attention heads.
    """

    def __init__(self, d_model: int, num_heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(d_model)
        self.attn = nn.MultiheadAttention(d_model, num_heads, batch_first=True)
        nn.init.zeros_(self.attn.out_proj.weight)
        nn.init.zeros_(self.attn.out_proj.bias)

    def forward(self, queries: Tensor, before: Tensor) -> Tensor:
        """(Q, C) from queries (Q, C) and those before (P, C)."""
        seen = self.norm(before)
        out, _ = self.attn(self.norm(queries), seen, seen, need_weights=False)
        return queries + out


@MODELS.register_module()
class TrackHead(nn.Module):
    """Memory attention, and a projection for each kind of affinity.

    Attributes:
        known: By scene the queries (P, C) of the frame before; None before the first.

    Args:
        in_channels: Channels of the queries.
        out_channels: Channels of the vectors.
        d_hidden: Channels inside the projections.
        num_heads: Attention heads.
    """

    def __init__(
        self, in_channels: int, out_channels: int, d_hidden: int, num_heads: int
    ) -> None:
        super().__init__()
        self.attention = MemoryAttention(in_channels, num_heads)
        self.instances = mlp(in_channels, d_hidden, out_channels)
        self.parts = mlp(in_channels, d_hidden, out_channels)
        self.reset()

    def reset(self) -> None:
        """Forget the last frame: other scenes follow."""
        self.known: list[Tensor] | None = None

    def forward(self, queries: Sequence[Tensor]) -> list[TrackVectors]:
        """Vectors of the next frame of every scene, from its queries (Q, C)."""
        before, self.known = self.known, list(queries)
        if before is not None:
            queries = [
                self.attention(own, last)
                for own, last in zip(queries, before, strict=True)
            ]
        return [
            TrackVectors(
                functional.normalize(self.instances(own), dim=1),
                functional.normalize(self.parts(own), dim=1),
            )
            for own in queries
        ]
