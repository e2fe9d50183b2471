"""Superpoints from depth, with colour or without, and no network."""

import warnings
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.color import rgb2lab
from skimage.segmentation import felzenszwalb, slic

from vantage3d.esam.converters.region_merging import merge_regions

WORKING_WIDTH = 320
COMPACTNESS = 0.3
# One unit of each channel is a clear border.
LIGHTNESS_UNIT = 40.0
COLOR_UNIT = 20.0  # a and b of CIE Lab
DEPTH_UNIT = 0.05  # 5 % of the depth
# Sizes of the first, too fine segmentation, as shares of the image.
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


def at_working_size(
    depth: NDArray[np.float32], segment: Callable[[int], NDArray[np.integer]]
) -> NDArray[np.integer]:
    """Superpoints of a segmenter that works at about ``WORKING_WIDTH`` pixels of width.

    Args:
        depth: (H, W) z-depth in metres, 0 where missing.
        segment: From a step to the superpoints of every step-th pixel both ways, at
            least H // step rows and W // step columns; called if there is any depth.

    Returns:
        (H, W) superpoints, -1 where depth is missing.
    """
    if not (depth > 0).any():
        return np.full(depth.shape, -1)
    height, width = depth.shape
    step = max(1, round(width / WORKING_WIDTH))
    small = segment(step)
    rows = np.minimum(np.arange(height) // step, small.shape[0] - 1)
    columns = np.minimum(np.arange(width) // step, small.shape[1] - 1)
    return np.where(depth > 0, small[rows[:, None], columns], -1)


def fill_depth(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) depth with holes filled from the nearest pixel and speckles removed."""
    missing = depth <= 0
    if missing.any():
        nearest = distance_transform_edt(
            missing, return_distances=False, return_indices=True
        )
        depth = depth[tuple(nearest)]
    return cv2.medianBlur(depth, 5)


def surface_normals(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 3) unit normals, with a field of view that is usual for RGB-D cameras.

    Inverse depth is affine in the pixel on any plane, so its gradient gives the normal:
    n ~ (f dw/dx, f dw/dy, w - x dw/dx - y dw/dy) for w = 1/z and x, y from the centre.
    """
    height, width = depth.shape
    focal = 0.9 * width
    w = cv2.GaussianBlur(1 / depth, (0, 0), 1.0)
    dx = cv2.Sobel(w, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    dy = cv2.Sobel(w, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    x = np.arange(width, dtype=np.float32) - (width - 1) / 2
    y = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2
    normals = np.stack([focal * dx, focal * dy, w - x * dx - y * dy], axis=2)
    normals /= np.linalg.norm(normals, axis=2, keepdims=True)
    # The filters reach over the edge of the image: take the normals from inside.
    edge = min(3, (min(height, width) - 1) // 2)
    inside = normals[edge : height - edge, edge : width - edge]
    return np.pad(inside, ((edge, edge), (edge, edge), (0, 0)), mode="edge")
