"""Where the image features of a batch come from: files, or a frozen network."""

from collections.abc import Mapping, Sequence

from mmdet3d.structures import Det3DDataSample
from torch import Tensor, nn

from projects.common.geometry import FeatureGrid
from projects.esam.models.data_preprocessor import sample_name
from projects.esam.models.image_sampling import ImageSamples, locate_points
from projects.registry import MODELS

LOAD = "Add LoadClipFeature to the pipeline and 'clip_pix' to the keys it packs."


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
        if "clip_pix" not in inputs:
            first = sample_name(data_samples[0], 0)
            raise ValueError(f"{first}: the batch has no image features. {LOAD}")
        maps = inputs["clip_pix"]
        grids = [
            self._grid(sample_name(sample, i), feats, sample.metainfo)
            for i, (feats, sample) in enumerate(zip(maps, data_samples, strict=True))
        ]
        return locate_points(inputs["points"], maps, grids, data_samples)

    def _grid(self, name: str, feats: Tensor, meta: Mapping) -> FeatureGrid:
        """Grid of a map, after a look at both."""
        if meta.get("feat_grid") is None:
            raise ValueError(f"{name}: has no `feat_grid`. {LOAD}")
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
