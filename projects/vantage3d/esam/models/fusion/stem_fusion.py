"""Image features added to the voxels of the U-Net's stem: ESAM-E+FF."""

from typing import Any

from torch import nn

from vantage3d.esam.models.fusion.image_sampling import ImagePyramid
from vantage3d.registry import MODELS
from vantage3d.sparse import get_backend


@MODELS.register_module()
class StemFusion(nn.ModuleList):
    """Projects image features and adds them to what the stem gives, before the encoder.

    A voxel takes the mean feature of its points; ESAM as released looks its corner up
    in the image. Voxels without a feature take what the norm makes of zeros, as there.
    Parameters have the released names: ``conv.0.kernel`` and ``conv.1.bn``.

    Args:
        channels: Of the image features; 960 of FastSAM's, as released.
        planes: Channels of the stem.
        backend: Sparse engine, that of the backbone.
    """

    def __init__(self, channels: int, planes: int = 32, backend: str = "torch") -> None:
        engine = get_backend(backend)
        conv = engine.Conv(channels, planes, kernel_size=1)
        super().__init__([conv, engine.BatchNorm(planes), engine.ReLU()])
        self.image_channels = channels

    def forward(self, voxels: Any, pyramid: ImagePyramid) -> Any:
        """The stem's voxels with image features."""
        feats = voxels.replace(pyramid.mean(voxels))
        for layer in self:
            feats = layer(feats)
        return voxels + feats
