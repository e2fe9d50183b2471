"""Fusion of image and point features, point by point (BiFusion).

    image features --- adapter --- head2d --- f2 (unit length)
                                                \\
                                  alpha = gate(f2, f3);  mix = alpha f2 + (1 - alpha) f3
                                                /
    point features --- proj_3d --- head3d --- f3 (unit length)

    result = point features + out_proj(unit(mix * squeeze-excite(mix)))

``out_proj`` starts at zero, so that a trained network of points starts unchanged.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from vantage3d.esam.models.fusion.image_sampling import ImageSamples
from vantage3d.registry import MODELS

FALLBACK = 0.3  # alpha of points without image, times the share of points with one


def head(channels: int, dropout: float) -> nn.Sequential:
    """Two layers with dropout, normalised; ``channels`` in and out."""
    return nn.Sequential(
        nn.Linear(channels, channels),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(channels, channels),
        nn.LayerNorm(channels),
    )


class MaskedSqueezeExcite(nn.Module):
    """Weights of channels from their mean over the points with an image."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.squeeze = nn.Linear(channels, channels // 16)
        self.excite = nn.Linear(channels // 16, channels)

    def forward(
        self, feats: Tensor, valid: Tensor, frames: Tensor, count: int
    ) -> Tensor:
        """(N, C) weighted features; arguments as :func:`valid_mean`."""
        mean = valid_mean(feats, valid, frames, count)
        weight = self.excite(self.squeeze(mean).relu()).sigmoid()
        return feats * weight[frames]


def valid_mean(feats: Tensor, valid: Tensor, frames: Tensor, count: int) -> Tensor:
    """(count, C) mean of each frame's valid rows, zero where there is none.

    Of ``feats`` (N, C), ``valid`` (N,) bool, and ``frames`` (N,), of which there are
    ``count``.
    """
    rows, owner = feats[valid], frames[valid]
    total = rows.new_zeros(count, rows.shape[1]).index_add(0, owner, rows)
    number = torch.bincount(owner, minlength=count).clamp(min=1)
    return total / number[:, None]


class LiteFusionGate(nn.Module):
    """Mixes unit features of both kinds with one learned weight per point."""

    def __init__(self, channels: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.point_mlp = nn.Sequential(
            nn.Linear(2 * channels, 64),
            nn.LayerNorm(64),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(64, 1),
            nn.Sigmoid(),
        )
        for layer in (self.point_mlp[0], self.point_mlp[4]):
            nn.init.xavier_uniform_(layer.weight, gain=0.5)
        nn.init.ones_(self.point_mlp[4].bias)
        self.se = MaskedSqueezeExcite(channels)

    def forward(
        self, feats_2d: Tensor, feats_3d: Tensor, valid: Tensor, lengths: list[int]
    ) -> tuple[Tensor, Tensor]:
        """Mixed features of the points of a batch.

        A point without an image keeps its direction of ``feats_3d``: its image feature
        counts as zero, its weight is a share of the valid ratio of its frame.

        Args:
            feats_2d: (N, C); rows without an image mean nothing.
            feats_3d: (N, C).
            valid: (N,) bool, which points have an image.
            lengths: Points of each frame.

        Returns:
            (N, C) of unit length and (N, 1) weight alpha of the image.
        """
        count = len(lengths)
        frames = torch.repeat_interleave(
            torch.arange(count, device=valid.device),
            torch.tensor(lengths, device=valid.device),
        )
        has = valid[:, None]
        f2 = normalize(feats_2d, dim=1).masked_fill(~has, 0)
        f3 = normalize(feats_3d, dim=1)
        seen = torch.bincount(frames[valid], minlength=count)
        ratio = seen / torch.bincount(frames, minlength=count)
        alpha = self.point_mlp(torch.cat([f2, f3], dim=1))
        alpha = torch.where(has, alpha, FALLBACK * ratio[frames][:, None].to(alpha))
        mix = self.se(alpha * f2 + (1 - alpha) * f3, valid, frames, count)
        return normalize(mix, dim=1), alpha


@dataclass(frozen=True)
class Fusion:
    """Point features (N, C) with the images in them, and their weights (N, 1).

    ``terms`` are scalars by name: ``fusion_balance_loss``, and statistics for the log.
    """

    feats: Tensor
    alpha: Tensor
    terms: dict[str, Tensor]


@MODELS.register_module()
class BiFusionEncoder(nn.Module):
    """Fuses image features into the features of the points that they were taken for.

    Args:
        channels: Channels of the image features.
        point_channels: Channels of the point features.
        width: Channels in which both are compared and mixed.
        dropout: Probability in heads and gate.
        balance_target: Mean alpha of points with an image that the balance loss aims
            at.
        balance_weight: Weight of that loss.
    """

    def __init__(
        self,
        channels: int,
        point_channels: int = 96,
        width: int = 256,
        dropout: float = 0.1,
        balance_target: float = 0.4,
        balance_weight: float = 0.1,
    ) -> None:
        super().__init__()
        self.image_channels = channels
        self.balance_target = balance_target
        self.balance_weight = balance_weight
        self.proj_3d = _projection(point_channels, width)
        self.precomp_adapter = _projection(channels, width)
        self.head3d, self.head2d = head(width, dropout), head(width, dropout)
        self.fusion_gate = LiteFusionGate(width, dropout)
        self.out_proj = nn.Linear(width, point_channels, bias=False)
        nn.init.zeros_(self.out_proj.weight)

    def forward(self, feats: Tensor, images: ImageSamples) -> Fusion:
        """Fuse features (N, point_channels) of the points of a batch with images."""
        (linear_2d, norm_2d), (linear_3d, norm_3d) = self.precomp_adapter, self.proj_3d
        # Weights of a sample sum to one, so even the bias commutes with sampling.
        image = images.sample(linear_2d(images.single))
        point = linear_3d(feats)
        f2, f3 = self.head2d(norm_2d(image)), self.head3d(norm_3d(point))
        mixed, alpha = self.fusion_gate(f2, f3, images.valid, images.lengths)
        # Unit length spread over the channels is small: back to unit deviation.
        update = self.out_proj(mixed * mixed.shape[1] ** 0.5)
        terms = fusion_statistics(f2, f3, alpha, images.valid)
        terms |= length_statistics(image, point, feats, update, images.valid)
        off = (terms["fusion/alpha_mean"] - self.balance_target) * images.valid.any()
        terms = {name: value.detach() for name, value in terms.items()}
        terms["fusion_balance_loss"] = self.balance_weight * off.square()
        return Fusion(feats + update, alpha, terms)


def _projection(channels: int, width: int) -> nn.Sequential:
    linear = nn.Linear(channels, width)
    nn.init.xavier_uniform_(linear.weight)
    nn.init.zeros_(linear.bias)
    return nn.Sequential(linear, nn.LayerNorm(width))


def fusion_statistics(
    f2: Tensor, f3: Tensor, alpha: Tensor, valid: Tensor
) -> dict[str, Tensor]:
    """Scalars that tell how the gate mixes, over the points of a batch.

    Of image and point features (N, C) and the image's weight (N, 1). Shares count all
    points; the others only those with an image, and are 0 without any.
    """
    weight, number = alpha[:, 0], valid.sum().clamp(min=1)
    share = (weight * valid).mean()
    mean = (weight * valid).sum() / number
    spread = ((weight - mean).square() * valid).sum() / number
    lowest = weight.masked_fill(~valid, torch.inf).min()
    highest = weight.masked_fill(~valid, -torch.inf).max()
    cosine = torch.cosine_similarity(f2, f3, dim=1)
    return {
        "fusion/share_2d": share,
        "fusion/share_3d": 1 - share,
        "fusion/alpha_mean": mean,
        "fusion/alpha_std": spread.sqrt(),
        "fusion/alpha_min": torch.where(valid.any(), lowest, 0),
        "fusion/alpha_max": torch.where(valid.any(), highest, 0),
        "fusion/cosine": (cosine * valid).sum() / number,
    }


@torch.no_grad()
def length_statistics(
    image: Tensor, point: Tensor, feats: Tensor, update: Tensor, valid: Tensor
) -> dict[str, Tensor]:
    """Mean lengths that tell whether a fusion is alive; the update's beside the feats'.

    ``image`` and ``point`` (N, C) are projected, before any norm; their lengths count
    ``valid`` points alone, and are 0 without any. ``update`` (N, C') is what the fusion
    adds to the features (N, C') that came in.
    """
    number = valid.sum().clamp(min=1)
    two, three = ((x.norm(dim=1) * valid).sum() / number for x in (image, point))
    own = feats.norm(dim=1).mean().clamp(min=1e-6)
    return {
        "fusion/norm_2d": two,
        "fusion/norm_3d": three,
        "fusion/norm_ratio": two / three.clamp(min=1e-6),
        "fusion/update_ratio": update.norm(dim=1).mean() / own,
    }
