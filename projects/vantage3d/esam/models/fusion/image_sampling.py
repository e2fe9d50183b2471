"""Image features of the points of a batch, and of the voxels that hold them.

They come from files, or from a frozen network.

Sampling a map is linear: every point is a mean of four cells. So is projecting the
map's channels, and the two commute. A layer that needs few channels therefore projects
the cells (a thousand) before it samples the points (twenty thousand), which gives the
same numbers with a fraction of the work and memory.

A voxel's feature is the mean, or the largest value per channel, of the features of the
points inside it, whatever its stride. Points without a feature do not count, and a
voxel without any has zeros. Rows are those of the backbone's own tensors.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from mmdet3d.structures import Det3DDataSample
from torch import Tensor, nn
from torch.nn import functional

from vantage3d.esam.frame_camera import (
    MAX_PIXEL_ERROR,
    camera_points,
    color_camera,
    frame_camera,
    pixel_errors,
)
from vantage3d.esam.models.data_preprocessor import sample_name
from vantage3d.esam.models.geo_aware_pool import segment_count, segment_max
from vantage3d.geometry import FeatureGrid, bilinear_cells, grid_pixels
from vantage3d.registry import MODELS
from vantage3d.sparse.index import pack


@dataclass(frozen=True)
class ImageSamples:
    """Cells of the feature maps of a batch, and which of them each point is made of.

    Attributes:
        cells: (P, C) features of all cells of all maps, one map after the other.
        taps: (N, 4) int64 cells of each point of the batch, in its own frame's map.
        weights: (N, 4) bilinear weights, zero for a point without a feature.
        valid: (N,) bool, whether a point has a feature.
        lengths: Points of each frame.
        grids: Where the cells of each frame's map lie in its image.
    """

    cells: Tensor
    taps: Tensor
    weights: Tensor
    valid: Tensor
    lengths: list[int]
    grids: list[FeatureGrid]

    @cached_property
    def single(self) -> Tensor:
        """(P, C) float32 cells, converted once for all layers that project them."""
        return self.cells.float()

    def sample(self, cells: Tensor | None = None) -> Tensor:
        """(N, C') features of each point, zero without; ``cells`` (P, C') or own."""
        cells = self.single if cells is None else cells.float()
        return functional.embedding_bag(
            self.taps, cells, per_sample_weights=self.weights, mode="sum"
        )

    def mean(self, ids: Tensor, count: int, cells: Tensor | None = None) -> Tensor:
        """(count, C') mean feature of groups of points, zero for one without any.

        Args:
            ids: (N,) int64 group of each point, 0..count-1.
            count: Number of groups.
            cells: (P, C') projected cells, or None for the cells as they are.
        """
        cells = self.single if cells is None else cells.float()
        own = self.valid.nonzero()[:, 0]
        own = own[torch.argsort(ids[own], stable=True)]
        sizes = torch.bincount(ids[own], minlength=count)
        weights = self.weights[own] / sizes[ids[own]][:, None]
        return functional.embedding_bag(
            self.taps[own].flatten(),
            cells,
            offsets=4 * (sizes.cumsum(0) - sizes),
            per_sample_weights=weights.flatten(),
            mode="sum",
        )


def locate_points(
    points: Sequence[Tensor],
    maps: Sequence[Tensor],
    grids: Sequence[FeatureGrid],
    data_samples: Sequence[Det3DDataSample],
) -> ImageSamples:
    """Find the points of every frame on the feature map of its own image.

    Args:
        points: Per frame (N, 3+) metres, augmented as the sample's metainfo says.
        maps: Per frame (C, h, w) features.
        grids: Per frame where the cells lie in the image.
        data_samples: With ``pose``, ``cam2img``, ``img_shape``, the colour camera where
            it is another one, and the augmentation.

    Raises:
        ValueError: Naming the sample, if its camera is missing, singular or does not
            belong to the points, or maps differ in channels.
    """
    taps, weights, valid, start = [], [], [], 0
    for i, (frame, sample) in enumerate(zip(points, data_samples)):
        camera = frame_camera(sample.metainfo)
        # Double precision: the way back through the augmentation costs no digits.
        points_cam = camera_points(frame[:, :3].double(), sample.metainfo)
        if (source := sample.metainfo.get("pixels")) is not None:
            K = camera.K.to(frame.device)
            _check_source(points_cam, K, source, sample_name(sample, i))
        color = color_camera(sample.metainfo)
        seen_by, K = color.points(points_cam), color.K.to(frame.device)
        pixels, seen = grid_pixels(seen_by, K, color.size, grids[i])
        height, width = maps[i].shape[1:]
        cells, share = bilinear_cells(pixels, width, height)
        taps.append(cells + start)
        weights.append(share.float() * seen[:, None])
        valid.append(seen)
        start += height * width
    # Autocast has no rule for joining half-precision maps on a CPU.
    with torch.autocast(maps[0].device.type, enabled=False):
        cells = torch.cat([feats.flatten(1).T for feats in maps])
    return ImageSamples(
        cells,
        torch.cat(taps),
        torch.cat(weights),
        torch.cat(valid),
        [len(frame) for frame in points],
        list(grids),
    )


def _check_source(points_cam: Tensor, K: Tensor, pixels: Any, name: str) -> None:
    """Augmented points must project to where they were measured, at the median.

    LoadClipFeature looks at every point before they are augmented.
    """
    median = float(pixel_errors(points_cam, K, pixels).median())
    if median > MAX_PIXEL_ERROR:
        raise ValueError(
            f"{name}: points project {median:.1f} px (median) from the pixels they "
            f"were measured at, expected at most {MAX_PIXEL_ERROR}. The pose is "
            "another frame's, or a transform moved points without recording it in "
            "`transformation_3d_flow`."
        )


class ImagePyramid:
    """Image features on the voxels of a batch, made when a stride asks for them.

    ``coordinates`` (N, 4) int32 [batch, x, y, z] are the voxels of the points, those
    that the backbone's input was made from.
    """

    def __init__(self, images: ImageSamples, coordinates: Tensor) -> None:
        self.images = images
        self.coordinates = coordinates
        self._rows: dict[int, Tensor] = {}
        self._largest: dict[int, Tensor] = {}

    def rows(self, voxels: Any) -> Tensor:
        """(N,) int64 row of each point in a sparse tensor of any stride.

        Raises:
            ValueError: If a point lies in none of the voxels.
        """
        if voxels.stride not in self._rows:
            self._rows[voxels.stride] = _find_rows(voxels, self.coordinates)
        return self._rows[voxels.stride]

    def covered(self, voxels: Any) -> Tensor:
        """(M, 1) bool: voxels with at least one feature."""
        rows = self.rows(voxels)[self.images.valid]
        return segment_count(rows, len(voxels.coordinates))[:, None] > 0

    def mean(self, voxels: Any, kernel: Tensor | None = None) -> Tensor:
        """(M, C') mean features of M voxels, projected by ``kernel`` (C, C') if given.

        The projection is applied to the cells of the map: means and projections
        commute, and there are fewer cells than points.
        """
        cells = None if kernel is None else self.images.single @ kernel
        return self.images.mean(self.rows(voxels), len(voxels.coordinates), cells)

    def max(self, voxels: Any, kernel: Tensor | None = None) -> Tensor:
        """Largest features of voxels, then projected; as :meth:`mean`.

        Projecting first would give another result. Memory is bounded by keeping the
        precision of the maps, which are stored in half.
        """
        if voxels.stride not in self._largest:
            self._largest[voxels.stride] = self._max(voxels)
        largest = self._largest[voxels.stride].float()
        return largest if kernel is None else largest @ kernel

    @torch.no_grad()
    def _max(self, voxels: Any) -> Tensor:
        valid, dtype = self.images.valid, self.images.cells.dtype
        feats = self.images.sample().to(dtype)[valid]
        rows, count = self.rows(voxels)[valid], len(voxels.coordinates)
        return segment_max(feats, rows, count).masked_fill(~self.covered(voxels), 0)


def _find_rows(voxels: Any, coordinates: Tensor) -> Tensor:
    keys, order = torch.sort(_keys(voxels.coordinates, voxels.stride))
    wanted = _keys(coordinates, voxels.stride)
    place = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    absent = keys[place] != wanted
    if bool(absent.any()):
        at = coordinates[absent][0].tolist()
        raise ValueError(
            f"{int(absent.sum())} of {len(wanted)} points lie in no voxel of stride "
            f"{voxels.stride}, the first at {at}. Give the coordinates that the "
            "backbone's input was made from."
        )
    return order[place]


def _keys(coordinates: Tensor, stride: int) -> Tensor:
    lattice = torch.div(coordinates[:, 1:], stride, rounding_mode="floor")
    return pack(coordinates[:, 0], lattice)


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
