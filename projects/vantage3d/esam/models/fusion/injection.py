"""Image features in the decoder of the U-Net (DITR), or taught (arXiv 2503.18944)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from vantage3d.esam.models.fusion.image_sampling import ImagePyramid
from vantage3d.registry import MODELS
from vantage3d.sparse import Backend

STRIDES = (8, 4, 2, 1)
POOLS = ("mean", "max")
Options = dict[str, Any]
DEFAULTS: Options = {"form": "add", "pool": "mean"}


class AdditiveInjection(nn.Module):
    """Adds projected image features to the upsampled voxels.

    The kernel starts at zero: at first the network is the plain one, and yet the kernel
    has a gradient. There is no bias, so voxels without a feature stay as they are.
    Arguments as :class:`ConcatInjection`; ``skip`` is not used.
    """

    def __init__(
        self, engine: Backend, channels: int, up: int, skip: int, pool: str
    ) -> None:
        super().__init__()
        self.cat, self.pool = engine.cat, pool
        self.kernel = nn.Parameter(torch.zeros(channels, up))

    def forward(self, out: Any, skip: Any, pyramid: ImagePyramid) -> Any:
        """Upsampled voxels with image features, beside those of the skip connection."""
        feats = getattr(pyramid, self.pool)(out, self.kernel)
        return self.cat(out + out.replace(feats), skip)


class ConcatInjection(nn.Module):
    """Adds a function of voxels and image features together to the concatenation.

    base + out(gelu(base @ .. + image @ ..)), with ``base`` the upsampled voxels beside
    those of the skip connection. ``out`` starts at zero and there is no norm: one that
    divides by a spread of zero would undo the start within a step. Voxels
    without a feature stay as they are.

    Args:
        engine: Where the network's layers come from.
        channels: C of the image features.
        up: Channels of the upsampled voxels.
        skip: Channels of the voxels of the skip connection.
        pool: "mean" or "max".
    """

    def __init__(
        self, engine: Backend, channels: int, up: int, skip: int, pool: str
    ) -> None:
        super().__init__()
        self.cat, self.pool = engine.cat, pool
        width, bound = up + skip, (up + skip + channels) ** -0.5
        self.base = nn.Parameter(torch.empty(width, width).uniform_(-bound, bound))
        self.image = nn.Parameter(torch.empty(channels, width).uniform_(-bound, bound))
        self.out = nn.Parameter(torch.zeros(width, width))

    def forward(self, out: Any, skip: Any, pyramid: ImagePyramid) -> Any:
        """Upsampled voxels beside those of the skip connection, with image features."""
        base = self.cat(out, skip)
        image = getattr(pyramid, self.pool)(base, self.image)
        fused = functional.gelu(base.features @ self.base + image) @ self.out
        return base + base.replace(fused * pyramid.covered(base))


FORMS: dict[str, tuple[str, type]] = {
    "add": ("dino_proj", AdditiveInjection),
    "concat": ("dino_fuse", ConcatInjection),
}


def build_injections(
    engine: Backend, options: Options, widths: Sequence[tuple[int, int]]
) -> dict[str, nn.Module]:
    """The layers of strides 8, 4, 2, 1 by the names that checkpoints have.

    Args:
        engine: Where the network's layers come from.
        options: ``channels`` of the features, ``form`` "add" or "concat", ``pool``
            "mean" or "max".
        widths: Channels of the upsampled voxels and of the skip connection, by stride.

    Raises:
        ValueError: If an option is unknown, has no such value, or ``channels`` is
            missing.
    """
    known = {"channels", *DEFAULTS}
    if not {"channels"} <= set(options) <= known:
        raise ValueError(
            f"`injection` takes {sorted(known)} and needs `channels`, got "
            f"{sorted(options)}"
        )
    options = {**DEFAULTS, **options}
    for name, choices in (("form", tuple(FORMS)), ("pool", POOLS)):
        if options[name] not in choices:
            raise ValueError(
                f"`injection.{name}` must be one of {list(choices)}, got "
                f"{options[name]!r}"
            )
    name, kind = FORMS[options["form"]]
    return {
        f"{name}_{stride}": kind(engine, options["channels"], up, skip, options["pool"])
        for stride, (up, skip) in zip(STRIDES, widths)
    }


@MODELS.register_module()
class FeatureDistillation(nn.Module):
    """Predicts the mean image feature of every voxel from its point feature.

    Only training has it: a detector that was trained so needs no images, and a plain
    detector takes its weights.

    Args:
        channels: Channels of the image features.
        point_channels: Channels of the backbone's voxels.
        loss_weight: Factor of the loss.
    """

    def __init__(
        self, channels: int, point_channels: int = 96, loss_weight: float = 1.0
    ) -> None:
        super().__init__()
        self.image_channels = channels
        self.loss_weight = loss_weight
        self.head = nn.Linear(point_channels, channels)

    def forward(self, voxels: Any, pyramid: ImagePyramid) -> dict[str, Tensor]:
        """``distill_loss`` and, for the log, cosine and share of voxels with an image.

        The loss is one minus the cosine, averaged over voxels with an image; without
        any it is a differentiable zero.

        Args:
            voxels: Sparse tensor of the backbone.
            pyramid: Image features of the points inside.
        """
        with torch.no_grad():
            target = pyramid.mean(voxels)
            covered = pyramid.covered(voxels)[:, 0]
        cosine = torch.cosine_similarity(self.head(voxels.features), target, dim=1)
        mean = (cosine * covered).sum() / covered.sum().clamp(min=1)
        return {
            "distill_loss": self.loss_weight * (covered.any().float() - mean),
            "distill/cosine": mean.detach(),
            "distill/covered": covered.float().mean(),
        }
