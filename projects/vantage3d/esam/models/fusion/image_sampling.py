"""Where the points of a batch lie on the feature maps of their images.

Sampling a map is linear: every point is a mean of four cells. So is projecting the
map's channels, and the two commute. A layer that needs few channels therefore projects
the cells (a thousand) before it samples the points (twenty thousand), which gives the
same numbers with a fraction of the work and memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from mmdet3d.structures import Det3DDataSample
from torch import Tensor
from torch.nn import functional

from vantage3d.esam.frame_camera import (
    MAX_PIXEL_ERROR,
    camera_points,
    frame_camera,
    pixel_errors,
)
from vantage3d.esam.models.data_preprocessor import sample_name
from vantage3d.geometry import FeatureGrid, bilinear_cells, grid_pixels


@dataclass(frozen=True)
class ImageSamples:
    """Cells of the feature maps of a batch, and which of them each point is made of.

    Attributes:
        cells: (P, C) features of all cells of all maps, one map after the other.
        taps: (N, 4) int64 cells of each point of the batch, in its own frame's map.
        weights: (N, 4) bilinear weights, zero for a point without a feature.
        valid: (N,) bool, whether a point has a feature.
        lengths: Points of each frame.
    """

    cells: Tensor
    taps: Tensor
    weights: Tensor
    valid: Tensor
    lengths: list[int]

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
        """Mean feature of groups of points; what has no feature does not count.

        Args:
            ids: (N,) int64 group of each point, 0..count-1.
            count: M.
            cells: (P, C') projected cells, or None for the cells as they are.

        Returns:
            (M, C'), zero for a group without a feature.
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
        data_samples: With ``pose``, ``cam2img``, ``img_shape`` and the augmentation.

    Raises:
        ValueError: Naming the sample, if its camera is missing, singular or does not
            belong to the points, or maps differ in channels.
    """
    taps, weights, valid, start = [], [], [], 0
    for i, (frame, sample) in enumerate(zip(points, data_samples)):
        pixels, seen = frame_pixels(
            frame[:, :3], sample, grids[i], sample_name(sample, i)
        )
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
    )


def frame_pixels(
    xyz: Tensor, sample: Det3DDataSample, grid: FeatureGrid, name: str
) -> tuple[Tensor, Tensor]:
    """Positions of a frame's points on its feature grid.

    Args:
        xyz: (N, 3) metres, augmented as the sample's metainfo says.
        sample: The frame's data sample.
        grid: Where the cells lie in the image.
        name: What to call the sample in a message.

    Returns:
        (N, 2) (x, y) in cells and (N,) bool.

    Raises:
        ValueError: See :func:`locate_points`.
    """
    camera = frame_camera(sample.metainfo)
    # Double precision: the way back through the augmentation costs no digits.
    points_cam = camera_points(xyz.double(), sample.metainfo)
    K = camera.K.to(xyz.device)
    if sample.metainfo.get("pixels") is not None:
        _check_source(points_cam, K, sample.metainfo["pixels"], name)
    return grid_pixels(points_cam, K, camera.size, grid)


def _check_source(points_cam: Tensor, K: Tensor, pixels: Any, name: str) -> None:
    """Augmented points must project to the pixels that they were measured at.

    At the median: this only asks whether the way back through the augmentation is the
    right one. LoadClipFeature looks at every point.
    """
    median = float(pixel_errors(points_cam, K, pixels).median())
    if median > MAX_PIXEL_ERROR:
        raise ValueError(
            f"{name}: points project {median:.1f} px (median) from the pixels they "
            f"were measured at, expected at most {MAX_PIXEL_ERROR}. The pose is "
            "another frame's, or a transform moved points without recording it in "
            "`transformation_3d_flow`."
        )
