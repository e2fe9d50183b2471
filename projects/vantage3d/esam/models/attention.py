"""Transformer blocks of the query decoder; normalisation comes last (post-norm)."""

from torch import Tensor, nn

ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU}


class CrossAttentionLayer(nn.Module):
    """Queries look at a source of the same width.

    Args:
        d_model: Channels.
        num_heads: Attention heads.
        dropout: Probability.
    """

    def __init__(self, d_model: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(d_model, num_heads, dropout, batch_first=True)
        self.norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)

    def forward(self, queries: Tensor, source: Tensor, hidden: Tensor) -> Tensor:
        """(Q, C) from queries (Q, C), source (M, C) and (Q, M) True where hidden."""
        out, _ = self.attn(
            queries, source, source, attn_mask=hidden, need_weights=False
        )
        return self.norm(queries + self.dropout(out))


class SelfAttentionLayer(nn.Module):
    """Queries of one frame look at each other; arguments as CrossAttentionLayer."""

    def __init__(self, d_model: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(d_model, num_heads, dropout, batch_first=True)
        self.norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(self, queries: Tensor) -> Tensor:
        """(Q, C) from (Q, C)."""
        out, _ = self.attn(queries, queries, queries, need_weights=False)
        return self.norm(queries + self.dropout(out))


class FFN(nn.Module):
    """Two linear layers with a residual.

    Args:
        d_model: Channels in and out.
        hidden_dim: Channels between.
        dropout: Probability.
        activation_fn: "gelu" or "relu".
    """

    def __init__(
        self, d_model: int, hidden_dim: int, dropout: float, activation_fn: str
    ) -> None:
        super().__init__()
        if activation_fn not in ACTIVATIONS:
            raise ValueError(
                f"`activation_fn` must be one of {sorted(ACTIVATIONS)}, "
                f"got {activation_fn!r}"
            )
        self.net = nn.Sequential(
            nn.Linear(d_model, hidden_dim),
            ACTIVATIONS[activation_fn](),
            nn.Dropout(dropout),
            nn.Linear(hidden_dim, d_model),
            nn.Dropout(dropout),
        )
        self.norm = nn.LayerNorm(d_model)

    def forward(self, queries: Tensor) -> Tensor:
        """(Q, C) from (Q, C)."""
        return self.norm(queries + self.net(queries))
