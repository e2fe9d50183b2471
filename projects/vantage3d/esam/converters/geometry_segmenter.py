"""Superpoints of equal size that look at depth only, never at the image."""

import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import slic

from vantage3d.esam.converters.depth_cues import (
    DEPTH_UNIT,
    at_working_size,
    fill_depth,
    surface_normals,
)

COMPACTNESS = 0.3


class GeometrySegmenter:
    """Compact cells that end where depth jumps or a surface turns (SLIC).

    What a model then says about the borders of flush objects, it cannot have from its
    superpoints: on a plane they are regular cells whatever the image shows.

    Args:
        cell: Side of a cell as a share of the image's width.
    """

    def __init__(self, cell: float = 0.04) -> None:
        if not 0 < cell < 1:
            raise ValueError(
                f"a cell is a share of the image's width between 0 and 1, got {cell}"
            )
        self.cell = cell

    def __call__(
        self, image: NDArray[np.uint8], depth: NDArray[np.float32], sample_idx: str = ""
    ) -> NDArray[np.integer]:
        """(H, W) superpoints, -1 where depth is missing; see ``segmenters``."""
        return at_working_size(depth, lambda step: self._segment(depth, step))

    def _segment(self, depth: NDArray[np.float32], step: int) -> NDArray[np.integer]:
        filled = fill_depth(depth)
        channels = np.concatenate(
            [surface_normals(filled), np.log(filled)[..., None] / DEPTH_UNIT], axis=2
        )[step // 2 :: step, step // 2 :: step]
        side = self.cell * channels.shape[1]
        return slic(
            channels,
            n_segments=max(1, round(channels[..., 0].size / side**2)),
            compactness=COMPACTNESS,
            start_label=0,
            channel_axis=2,
            convert2lab=False,
        )
