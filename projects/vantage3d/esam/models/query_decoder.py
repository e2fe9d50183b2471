"""The dual-level query decoder (ESAM, section 3.3; after OneFormer3D).

A query starts as a superpoint. Each layer lets it look at the superpoints inside its
current mask, at the other queries, and at itself; a head after every layer (and one
before the first) predicts class and mask. Masks are predicted over superpoints by the
early heads and over points by the late ones.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from vantage3d.checks import check_choice
from vantage3d.esam.models.geo_aware_pool import segment_count
from vantage3d.registry import MODELS

ACTIVATIONS = {"gelu": nn.GELU, "relu": nn.ReLU}
LEVELS = ("SP", "P")


class AttentionLayer(nn.Module):
    """Queries look at a source of the same width, for example at themselves."""

    def __init__(self, d_model: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(d_model, num_heads, dropout, batch_first=True)
        self.norm = nn.LayerNorm(d_model)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, queries: Tensor, source: Tensor, hidden: Tensor | None = None
    ) -> Tensor:
        """(Q, C) from queries (Q, C), source (M, C) and (Q, M) True where hidden."""
        out, _ = self.attn(
            queries, source, source, attn_mask=hidden, need_weights=False
        )
        return self.norm(queries + self.dropout(out))


class CrossAttentionLayer(AttentionLayer):
    """The same, initialised as the published training does."""

    def __init__(self, d_model: int, num_heads: int, dropout: float) -> None:
        super().__init__(d_model, num_heads, dropout)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.xavier_uniform_(parameter)


class FFN(nn.Module):
    """Two linear layers with a residual; the activation is "gelu" or "relu"."""

    def __init__(
        self, d_model: int, hidden_dim: int, dropout: float, activation_fn: str
    ) -> None:
        super().__init__()
        check_choice("activation_fn", activation_fn, ACTIVATIONS)
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


def mlp(in_channels: int, d_model: int, out_channels: int) -> nn.Sequential:
    """Linear, ReLU, Linear."""
    return nn.Sequential(
        nn.Linear(in_channels, d_model), nn.ReLU(), nn.Linear(d_model, out_channels)
    )


def input_projection(in_channels: int, d_model: int) -> nn.Sequential:
    """Linear, LayerNorm, ReLU."""
    return nn.Sequential(
        nn.Linear(in_channels, d_model), nn.LayerNorm(d_model), nn.ReLU()
    )


@MODELS.register_module()
class ScanNetMixQueryDecoder(nn.Module):
    """Mask decoder over superpoints ("SP") and points ("P").

    Args:
        num_layers: L transformer layers; there are L + 1 heads.
        num_instance_classes: K; the class head has K + 1 outputs, the last "no object".
        num_semantic_classes: n_sem; the semantic head has n_sem + 1 outputs.
        in_channels: Channels of the superpoint features; point features have three
            more in front, their coordinates.
        d_model: Channels of the queries.
        num_heads: Attention heads.
        hidden_dim: Channels inside the feed-forward blocks.
        cross_attn_mode: L + 1 levels looked at, the first (no layer before it) "".
        mask_pred_mode: L + 1 levels of the predicted masks. With only "SP" there are
            no point features in the decoder at all, which costs much less; masks are
            then as good as the superpoints.
        dropout: Probability.
        activation_fn: Activation of the feed-forward blocks, "gelu" or "relu".
        objectness_flag: Predict the IoU of each mask.
        bbox_flag: Predict an axis-aligned box per query.
    """

    def __init__(
        self,
        num_layers: int,
        num_instance_classes: int,
        num_semantic_classes: int,
        in_channels: int,
        d_model: int = 256,
        num_heads: int = 8,
        hidden_dim: int = 1024,
        cross_attn_mode: Sequence[str] = ("", "SP", "SP", "SP"),
        mask_pred_mode: Sequence[str] = ("SP", "SP", "P", "P"),
        dropout: float = 0.0,
        activation_fn: str = "gelu",
        objectness_flag: bool = False,
        bbox_flag: bool = False,
    ) -> None:
        super().__init__()
        for name, modes, first in (
            ("cross_attn_mode", cross_attn_mode, ("",)),
            ("mask_pred_mode", mask_pred_mode, LEVELS),
        ):
            valid = len(modes) == num_layers + 1 and modes[0] in first
            if not valid or any(mode not in LEVELS for mode in modes[1:]):
                raise ValueError(
                    f"`{name}` must have num_layers + 1 = {num_layers + 1} entries, "
                    f"the first one of {first}, the others of {LEVELS}; got "
                    f"{list(modes)}"
                )
        self.cross_attn_mode = tuple(cross_attn_mode)
        self.mask_pred_mode = tuple(mask_pred_mode)
        point_channels = in_channels + 3
        # Parameter names are those of the released checkpoints.
        self.input_proj = input_projection(in_channels, d_model)
        if "P" in cross_attn_mode:
            self.input_pts_proj = input_projection(point_channels, d_model)
        self.query_proj = mlp(in_channels, d_model, d_model)
        self.cross_attn_layers = nn.ModuleList(
            CrossAttentionLayer(d_model, num_heads, dropout) for _ in range(num_layers)
        )
        self.self_attn_layers = nn.ModuleList(
            AttentionLayer(d_model, num_heads, dropout) for _ in range(num_layers)
        )
        self.ffn_layers = nn.ModuleList(
            FFN(d_model, hidden_dim, dropout, activation_fn) for _ in range(num_layers)
        )
        self.out_norm = nn.LayerNorm(d_model)
        self.out_cls = mlp(d_model, d_model, num_instance_classes + 1)
        if "SP" in mask_pred_mode:
            self.x_mask = mlp(in_channels, d_model, d_model)
        if "P" in mask_pred_mode:
            self.x_pts_mask = mlp(point_channels, d_model, d_model)
        self.out_sem = nn.Linear(d_model, num_semantic_classes + 1)
        self.out_score = mlp(d_model, d_model, 1) if objectness_flag else None
        self.out_reg = mlp(d_model, d_model, 6) if bbox_flag else None

    def forward(
        self,
        sp_feats: Sequence[Tensor],
        p_feats: Sequence[Tensor],
        queries: Sequence[Tensor],
        superpoints: Sequence[Tensor],
        point_weights: Sequence[Tensor],
    ) -> dict:
        """Decode a batch of frames, which may differ in every length.

        Args:
            sp_feats: Per frame (M, C) superpoint features.
            p_feats: Per frame (N, 3 + C), coordinates in metres and point features.
            queries: Per frame (Q, C), the superpoint features that become queries.
            superpoints: Per frame (N,) int64 ids 0..M-1.
            point_weights: Per frame (N, 1) from GeoAwarePooling.

        Returns:
            Per-frame lists of the last head: ``cls_preds`` (Q, K+1) logits, ``masks``
            (Q, M or N) logits, ``sem_preds`` (Q, n_sem+1) logits, ``queries``
            (Q, d_model), ``scores`` (Q, 1) or None, ``bboxes`` (Q, 6) or None: offset
            of the centre from the superpoint's and size, in metres. Masks are (Q, M)
            where ``mask_pred_mode`` says "SP". ``aux_outputs`` has one such dict
            (without ``sem_preds``, ``queries``) per earlier head.
        """
        frames = zip(
            sp_feats, p_feats, queries, superpoints, point_weights, strict=True
        )
        outputs = [self._decode(*frame) for frame in frames]
        heads = [
            # per-frame lists; what the first frame has not, None, no frame has
            {
                key: None if first is None else [output[key] for output in head]
                for key, first in head[0].items()
            }
            for head in zip(*outputs)
        ]
        return {**heads[-1], "aux_outputs": heads[:-1]}

    def _decode(
        self,
        sp_feats: Tensor,
        p_feats: Tensor,
        queries: Tensor,
        superpoints: Tensor,
        point_weights: Tensor,
    ) -> list[dict]:
        """Outputs of all heads for one frame; arguments as in :meth:`forward`."""
        hidden_feats = {}
        if "P" in self.mask_pred_mode:
            hidden_feats["P"] = self.x_pts_mask[:2](p_feats)
        if "SP" in self.mask_pred_mode:
            hidden_feats["SP"] = self.x_mask[:2](sp_feats)
        sources = {"SP": self.input_proj(sp_feats)}
        if "P" in self.cross_attn_mode:
            sources["P"] = self.input_pts_proj(p_feats)
        queries = self.query_proj(queries)
        heads = [self._head(queries, 0, hidden_feats)]
        for i, layer in enumerate(self.cross_attn_layers, start=1):
            level = self.cross_attn_mode[i]
            hidden = self._hidden(
                heads[-1]["masks"], i - 1, level, superpoints, point_weights
            )
            queries = layer(queries, sources[level], hidden)
            queries = self.self_attn_layers[i - 1](queries, queries)
            queries = self.ffn_layers[i - 1](queries)
            heads.append(self._head(queries, i, hidden_feats))
        final = self.out_norm(queries)
        heads[-1].update(queries=final, sem_preds=self.out_sem(final))
        return heads

    def _head(self, queries: Tensor, i: int, hidden_feats: dict[str, Tensor]) -> dict:
        """Predictions of head ``i`` from queries (Q, C)."""
        queries = self.out_norm(queries)
        boxes = None
        if self.out_reg is not None:
            raw = self.out_reg(queries)
            boxes = torch.cat([raw[:, :3], raw[:, 3:].exp()], dim=1)
        level = self.mask_pred_mode[i]
        last = (self.x_mask if level == "SP" else self.x_pts_mask)[2]
        return {
            "cls_preds": self.out_cls(queries),
            "masks": mask_logits(queries, hidden_feats[level], last),
            "scores": None if self.out_score is None else self.out_score(queries),
            "bboxes": boxes,
        }

    @torch.no_grad()
    def _hidden(
        self, masks: Tensor, head: int, level: str, superpoints: Tensor, weights: Tensor
    ) -> Tensor:
        """(Q, M or N) bool: what the next layer's queries do not look at."""
        hidden = masks < 0
        hidden = hidden & ~hidden.all(1, keepdim=True)  # no row hides everything
        if self.mask_pred_mode[head] == level:
            return hidden
        if level == "P":
            return hidden[:, superpoints]
        return superpoints_outside(hidden, superpoints, weights)


def mask_logits(queries: Tensor, hidden_feats: Tensor, last: nn.Linear) -> Tensor:
    """(Q, N) products of queries with ``last(hidden_feats)``, without computing that.

    q (W h + b)^T = (q W) h^T + q b. There are many points and few queries, so the
    linear layer is applied to the queries (Q, C), its input being (N, C).
    """
    bias = (queries @ last.bias)[:, None]
    return torch.addmm(bias, queries @ last.weight, hidden_feats.T)


def superpoints_outside(hidden: Tensor, superpoints: Tensor, weights: Tensor) -> Tensor:
    """(Q, M) bool: a point mask (Q, N) carried over to superpoints by a weighted vote.

    The superpoint with the smallest vote stays visible in every row, so that no query
    is left with nothing to look at. ``weights`` (N, 1) are those of the points.
    """
    count = segment_count(superpoints, int(superpoints.max()) + 1)
    votes = weights.new_zeros(len(count), len(hidden))
    votes.index_add_(0, superpoints, hidden.T * weights)
    score = (votes / count[:, None]).T
    return (score > 0.5) & (score > score.amin(1, keepdim=True))
