"""Image features as teachers: a network of points learns to predict them (D-DITR)."""

from typing import Any

import torch
from torch import Tensor, nn

from vantage3d.esam.models.fusion.image_sampling import ImagePyramid
from vantage3d.registry import MODELS


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
