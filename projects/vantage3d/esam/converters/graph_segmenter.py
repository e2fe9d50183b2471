"""Superpoints from colour, depth and surface normals, without any network."""

import warnings

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab
from skimage.segmentation import felzenszwalb

from vantage3d.esam.converters.depth_cues import (
    DEPTH_UNIT,
    at_working_size,
    fill_depth,
    surface_normals,
)
from vantage3d.esam.converters.region_merging import merge_regions

# One unit of each channel is a clear border.
LIGHTNESS_UNIT = 40.0
COLOR_UNIT = 20.0  # a and b of CIE Lab
# Of the first, too fine segmentation, as shares of the image.
FINE_SCALE = 2e-5
FINE_SIZE = 1.3e-4


class GraphSegmenter:
    """Graph-based segmentation of colour, depth and normals in two steps.

    A fine segmentation (Felzenszwalb and Huttenlocher 2004, scikit-image) keeps every
    border; then its regions are merged while what a border separates is too alike for
    its size (:func:`merge_regions`), which stops the leaks of the first step. Works at
    about 320 pixels of width.

    Args:
        scale: Share of the image that a clearly different region needs to survive;
            larger gives fewer and larger superpoints.
        min_size: Smallest superpoint as a share of the image.
    """

    def __init__(self, scale: float = 1e-3, min_size: float = 5e-4) -> None:
        if not (0 < scale < 1 and 0 <= min_size < 1):
            raise ValueError(
                "graph scale and smallest size are shares of the image between 0 and "
                f"1, got {scale} and {min_size}"
            )
        self.scale, self.min_size = scale, min_size

    def __call__(
        self, image: NDArray[np.uint8], depth: NDArray[np.float32], sample_idx: str = ""
    ) -> NDArray[np.integer]:
        """(H, W) superpoints, -1 where depth is missing; see ``segmenters``."""
        return at_working_size(depth, lambda step: self._segment(image, depth, step))

    def _segment(
        self, image: NDArray[np.uint8], depth: NDArray[np.float32], step: int
    ) -> NDArray[np.integer]:
        features = feature_channels(image, depth, step)
        with warnings.catch_warnings():  # It takes 7 channels for a mistake.
            warnings.filterwarnings("ignore", "Got image with third dimension")
            fine = felzenszwalb(
                features,
                scale=255 * FINE_SCALE * features[..., 0].size,
                sigma=0,
                min_size=max(1, round(FINE_SIZE * features[..., 0].size)),
                channel_axis=2,
            )
        return merge_regions(
            fine, features[..., :6], features[..., 6], self.scale, self.min_size
        )


def feature_channels(
    image: NDArray[np.uint8], depth: NDArray[np.float32], step: int = 1
) -> NDArray[np.float64]:
    """(H // step, W // step, 7): Lab colour, unit normals and log depth.

    They are scaled so that one unit is a clear border in each of them.
    """
    height, width = depth.shape[0] // step, depth.shape[1] // step
    filled = fill_depth(depth)[step // 2 :: step, step // 2 :: step][:height, :width]
    whole = image[: height * step, : width * step]
    color = cv2.resize(whole, (width, height), interpolation=cv2.INTER_AREA)
    lab = rgb2lab(cv2.GaussianBlur(color, (0, 0), 0.8))
    lab /= (LIGHTNESS_UNIT, COLOR_UNIT, COLOR_UNIT)
    log_depth = np.log(filled)[..., None] / DEPTH_UNIT
    return np.concatenate([lab, surface_normals(filled), log_depth], axis=2)
