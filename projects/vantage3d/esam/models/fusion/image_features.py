"""Where the image features of a batch come from: files, or a frozen network."""

from collections.abc import Mapping, Sequence

import torch
from mmdet3d.structures import Det3DDataSample
from torch import Tensor, nn

from vantage3d.esam.models.data_preprocessor import sample_name
from vantage3d.esam.models.fusion.image_sampling import ImageSamples, locate_points
from vantage3d.geometry import FeatureGrid
from vantage3d.registry import MODELS

LOAD = "Add {} to the pipeline and '{}' to the keys it packs."


@MODELS.register_module()
class StoredFeatures(nn.Module):
    """Features that LoadClipFeature read: ``clip_pix`` and their ``feat_grid``.

    Args:
        feat_space: Name of the network they must come from, for example
            "dinov2_vitl14".
        channels: Channels they must have.
    """

    def __init__(self, feat_space: str, channels: int) -> None:
        super().__init__()
        self.feat_space = feat_space
        self.channels = channels

    def forward(
        self, inputs: Mapping, data_samples: Sequence[Det3DDataSample]
    ) -> ImageSamples:
        """Every point on the map of its own frame.

        Args:
            inputs: ``points`` and ``clip_pix``, per frame (N, 6) and (C, h, w).
            data_samples: With ``feat_grid`` and the camera in the metainfo.

        Raises:
            ValueError: Naming the sample, if its features are missing, not those of
                ``feat_space``, of another size than their grid, or cannot be located.
        """
        maps = _required(inputs, "clip_pix", "LoadClipFeature", data_samples)
        grids = [
            self._grid(sample_name(sample, i), feats, sample.metainfo)
            for i, (feats, sample) in enumerate(zip(maps, data_samples, strict=True))
        ]
        return locate_points(inputs["points"], maps, grids, data_samples)

    def _grid(self, name: str, feats: Tensor, meta: Mapping) -> FeatureGrid:
        """Grid of a map, after a look at both."""
        if meta.get("feat_grid") is None:
            load = LOAD.format("LoadClipFeature", "clip_pix")
            raise ValueError(f"{name}: has no `feat_grid`. {load}")
        record = dict(meta["feat_grid"])
        model = record.pop("model")
        if model != self.feat_space:
            raise ValueError(
                f"{name}: its features come from {model!r}, `feat_space` of the model "
                f"is {self.feat_space!r}. Extract them again, or change the config."
            )
        grid = FeatureGrid(**record)
        expected = (self.channels, grid.size[1], grid.size[0])
        if tuple(feats.shape) != expected:
            raise ValueError(
                f"{name}: its features have shape {tuple(feats.shape)}, expected "
                f"{expected} (channels of the config, size of `feat_grid`). Extract "
                "them again, or change the config."
            )
        return grid


@MODELS.register_module()
class OnlineFeatures(nn.Module):
    """Features computed from the frames' images by a frozen network.

    Args:
        backbone: Config of the network, FrozenImageBackbone, which neither optimizer
            nor checkpoint holds.
    """

    def __init__(self, backbone: dict) -> None:
        super().__init__()
        self.backbone = MODELS.build(backbone)

    @property
    def channels(self) -> int:
        """C of the features."""
        return self.backbone.channels

    def forward(
        self, inputs: Mapping, data_samples: Sequence[Det3DDataSample]
    ) -> ImageSamples:
        """Every point on the map of its own frame.

        Args:
            inputs: ``points`` and ``img``, per frame (N, 6) and (3, H, W) uint8 RGB;
                images may differ in size.
            data_samples: With the camera in the metainfo.

        Raises:
            ValueError: Naming the sample, if its image is missing or cannot be located.
        """
        images = _required(inputs, "img", "LoadFrameImage", data_samples)
        maps: list[Tensor] = [images[0]] * len(images)
        for size in sorted({tuple(image.shape) for image in images}):
            rows = [i for i, image in enumerate(images) if tuple(image.shape) == size]
            feats = self.backbone(torch.stack([images[i] for i in rows]))
            for i, own in zip(rows, feats):
                maps[i] = own
        sizes = [(image.shape[2], image.shape[1]) for image in images]
        grids = [self.backbone.source(size).grid for size in sizes]
        return locate_points(inputs["points"], maps, grids, data_samples)


def _required(
    inputs: Mapping,
    key: str,
    transform: str,
    data_samples: Sequence[Det3DDataSample],
) -> Sequence[Tensor]:
    """What ``key`` holds for each frame of the batch."""
    if key not in inputs:
        raise ValueError(
            f"{sample_name(data_samples[0], 0)}: the batch has no `{key}`. "
            f"{LOAD.format(transform, key)}"
        )
    return inputs[key]
