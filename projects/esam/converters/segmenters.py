"""Superpoint segmenters: one interface, ``segmenter(image, depth, sample_idx)``.

A segmenter gets an (H, W, 3) uint8 RGB image, its (H, W) float32 depth in metres (0
missing) and the name of the sample, and returns an (H, W) integer map of superpoints,
-1 where it found none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from skimage.color import rgb2lab
from skimage.segmentation import felzenszwalb

from projects.common.io.images import read_ids


class Segmenter(Protocol):
    """What the converters call."""

    def __call__(
        self, image: NDArray[np.uint8], depth: NDArray[np.float32], sample_idx: str
    ) -> NDArray[np.integer]: ...


@dataclass(frozen=True)
class SegmenterOptions:
    """The options of all segmenters; each reads its own.

    Attributes:
        name: ``graph``, ``masks``, ``sam`` or ``fastsam``.
        scale: Of ``graph``: larger gives larger superpoints.
        min_size: Of ``graph``: smallest superpoint, as a share of the image.
        mask_dir: Of ``masks``: the folder of the mask images.
        weights: Of ``sam`` and ``fastsam``: the checkpoint.
        device: Of ``sam`` and ``fastsam``: where the network runs.
    """

    name: str = "graph"
    scale: float = 1.0
    min_size: float = 0.001
    mask_dir: Path | None = None
    weights: Path | None = None
    device: str = "cpu"

    def used(self) -> dict[str, Any]:
        """Command line options that decide what the chosen segmenter returns."""
        own: dict[str, dict[str, Any]] = {
            "graph": {"--graph-scale": self.scale, "--graph-min-size": self.min_size},
            "masks": {"--mask-dir": str(self.mask_dir)},
            "sam": {"--weights": str(self.weights)},
            "fastsam": {"--weights": str(self.weights)},
        }
        return {"--segmenter": self.name, **own[self.name]}


def build_segmenter(options: SegmenterOptions) -> Segmenter:
    """The segmenter that ``options`` name.

    Raises:
        ValueError: If the name is unknown or an option that it needs is missing.
        ImportError: If its package is not installed, with the command that does it.
        FileNotFoundError: If the weights or the mask folder are missing.
    """
    if options.name not in SEGMENTERS:
        raise ValueError(
            f"unknown segmenter {options.name!r}, expected one of {sorted(SEGMENTERS)}"
        )
    return SEGMENTERS[options.name](options)


class GraphSegmenter:
    """Graph-based segmentation (Felzenszwalb and Huttenlocher 2004) of colour, depth
    and surface normals.

    The channels are scaled so that one unit is a clear border in each of them.
    """

    def __init__(self, scale: float = 1.0, min_size: float = 0.001) -> None:
        if not (scale > 0 and 0 < min_size < 1):
            raise ValueError(
                "scale must be above 0 and min_size a share of the image between 0 and "
                f"1, got {scale} and {min_size}"
            )
        self.scale, self.min_size = scale, min_size

    def __call__(
        self, image: NDArray[np.uint8], depth: NDArray[np.float32], sample_idx: str = ""
    ) -> NDArray[np.integer]:
        channels = feature_channels(image, depth)
        labels = felzenszwalb(
            channels,
            scale=self.scale,
            sigma=0,
            min_size=max(1, round(self.min_size * depth.size)),
            channel_axis=2,
        )
        return np.where(depth > 0, labels, -1)


def feature_channels(
    image: NDArray[np.uint8], depth: NDArray[np.float32]
) -> NDArray[np.float64]:
    """(H, W, 7): Lab colour, log depth and unit normals, one unit a clear border."""
    filled = fill_depth(depth)
    lab = rgb2lab(image) / COLOR_UNIT
    log_depth = np.log(filled)[..., None] / DEPTH_UNIT
    normals = surface_normals(filled) / NORMAL_UNIT
    return np.concatenate([lab, log_depth, normals], axis=2)


COLOR_UNIT = 40.0  # Lab units
DEPTH_UNIT = 0.05  # 5 % of the depth
NORMAL_UNIT = 0.5  # length of the difference of unit vectors


def fill_depth(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W) depth with holes filled from the nearest pixel and speckles removed."""
    nearest = distance_transform_edt(
        depth <= 0, return_distances=False, return_indices=True
    )
    return cv2.medianBlur(depth[tuple(nearest)], 5)


def surface_normals(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, 3) unit normals, with a field of view that is usual for RGB-D cameras.

    Inverse depth is affine in the pixel on any plane, so its gradient gives the normal:
    n ~ (f dw/dx, f dw/dy, w - x dw/dx - y dw/dy) for w = 1/z.
    """
    height, width = depth.shape
    focal = 0.9 * width
    w = cv2.GaussianBlur(1 / depth, (0, 0), 1.5)
    dx = cv2.Sobel(w, cv2.CV_32F, 1, 0, ksize=3, scale=1 / 8)
    dy = cv2.Sobel(w, cv2.CV_32F, 0, 1, ksize=3, scale=1 / 8)
    x = np.arange(width, dtype=np.float32) - (width - 1) / 2
    y = np.arange(height, dtype=np.float32)[:, None] - (height - 1) / 2
    normals = np.stack([focal * dx, focal * dy, w - x * dx - y * dy], axis=2)
    return normals / np.linalg.norm(normals, axis=2, keepdims=True)


class MaskImageSegmenter:
    """Superpoints computed elsewhere: ``<mask_dir>/<scene>_<frame>.png``, 16-bit, 0
    where there is no mask."""

    def __init__(self, mask_dir: Path) -> None:
        if not Path(mask_dir).is_dir():
            raise FileNotFoundError(
                f"mask folder {mask_dir} is missing. Give the folder of the "
                "<scene>_<frame>.png images with --mask-dir"
            )
        self.mask_dir = Path(mask_dir)

    def __call__(
        self, image: NDArray[np.uint8], depth: NDArray[np.float32], sample_idx: str
    ) -> NDArray[np.integer]:
        return read_ids(self.mask_dir / f"{sample_idx}.png", "mask image") - 1


def _graph(options: SegmenterOptions) -> Segmenter:
    return GraphSegmenter(options.scale, options.min_size)


def _masks(options: SegmenterOptions) -> Segmenter:
    if options.mask_dir is None:
        raise ValueError("--segmenter masks needs --mask-dir, got None")
    return MaskImageSegmenter(options.mask_dir)


SEGMENTERS: dict[str, Callable[[SegmenterOptions], Segmenter]] = {
    "graph": _graph,
    "masks": _masks,
}
