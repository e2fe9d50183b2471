"""Superpoint segmenters: one interface, ``segmenter(image, depth, sample_idx)``.

A segmenter gets an (H, W, 3) uint8 RGB image, its (H, W) float32 depth in metres (0
missing) and the name of the sample, and returns an (H, W) integer map of superpoints,
-1 where it found none.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from vantage3d.esam.converters import mask_networks
from vantage3d.esam.converters.depth_segmenters import GeometrySegmenter, GraphSegmenter
from vantage3d.io.images import read_ids


class Segmenter(Protocol):
    """What the converters call."""

    def __call__(
        self, image: NDArray[np.uint8], depth: NDArray[np.float32], sample_idx: str
    ) -> NDArray[np.integer]: ...


@dataclass(frozen=True)
class SegmenterOptions:
    """The options of all segmenters; each reads its own.

    Attributes:
        name: ``graph``, ``geometry``, ``masks``, ``sam`` or ``fastsam``.
        scale: Scale of ``graph``; larger gives fewer and larger superpoints.
        min_size: Smallest superpoint of ``graph``, as a share of the image.
        cell: Side of a superpoint of ``geometry``, as a share of the image's width.
        mask_dir: Folder of the mask images of ``masks``.
        weights: Checkpoint of ``sam`` or ``fastsam``.
        device: Where ``sam`` or ``fastsam`` runs.
    """

    name: str = "graph"
    scale: float = 1e-3
    min_size: float = 5e-4
    cell: float = 0.04
    mask_dir: Path | None = None
    weights: Path | None = None
    device: str = "cpu"

    def used(self) -> dict[str, Any]:
        """Command line options that decide what the chosen segmenter returns."""
        own: dict[str, dict[str, Any]] = {
            "graph": {"--graph-scale": self.scale, "--graph-min-size": self.min_size},
            "geometry": {"--geometry-cell": self.cell},
            "masks": {"--mask-dir": str(self.mask_dir)},
            "sam": {"--weights": str(self.weights)},
            "fastsam": {"--weights": str(self.weights)},
        }
        return {"--segmenter": self.name, **own[self.name]}


@lru_cache(maxsize=1)
def build_segmenter(options: SegmenterOptions) -> Segmenter:
    """The segmenter that ``options`` name; asked again, the same one.

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


def _mask_images(options: SegmenterOptions) -> Segmenter:
    if options.mask_dir is None:
        raise ValueError("--segmenter masks needs --mask-dir, got None")
    return MaskImageSegmenter(options.mask_dir)


def _weights(options: SegmenterOptions, download: str) -> Path:
    if options.weights is None or not options.weights.is_file():
        raise FileNotFoundError(
            f"--segmenter {options.name} needs --weights FILE, got {options.weights}. "
            f"Download {download}"
        )
    return options.weights


SEGMENTERS: dict[str, Callable[[SegmenterOptions], Segmenter]] = {
    "fastsam": lambda options: mask_networks.FastSamSegmenter(
        _weights(options, mask_networks.FASTSAM_DOWNLOAD), options.device
    ),
    "geometry": lambda options: GeometrySegmenter(options.cell),
    "graph": lambda options: GraphSegmenter(options.scale, options.min_size),
    "masks": _mask_images,
    "sam": lambda options: mask_networks.SamSegmenter(
        _weights(options, mask_networks.SAM_DOWNLOAD), options.device
    ),
}
