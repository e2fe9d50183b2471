"""Superpoint segmenters: one interface, ``segmenter(image, depth, sample_idx)``.

A segmenter gets an (H, W, 3) uint8 RGB image, its (H, W) float32 depth in metres (0
missing) and the name of the sample, and returns an (H, W) integer map of superpoints,
-1 where it found none. One that is ``of_color`` looks at the image alone: where the
colour camera is not the depth camera it gets the image as it was taken, and its map,
at any size, is of that image.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from vantage3d.esam.converters.depth_segmenters import GeometrySegmenter, GraphSegmenter
from vantage3d.io.images import read_ids
from vantage3d.io.released_weights import RELEASED

SAM_KINDS = ("vit_h", "vit_l", "vit_b")


class Segmenter(Protocol):
    """What the converters call."""

    of_color: ClassVar[bool]

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
    """Superpoints computed elsewhere from the colour images, at any size:
    ``<mask_dir>/<scene>_<frame>.png``, 16-bit, 0 where there is no mask."""

    of_color = True

    def __init__(self, mask_dir: Path | None) -> None:
        if mask_dir is None:
            raise ValueError("--segmenter masks needs --mask-dir, got None")
        if not mask_dir.is_dir():
            raise FileNotFoundError(
                f"mask folder {mask_dir} is missing. Give the folder of the "
                "<scene>_<frame>.png images with --mask-dir"
            )
        self.mask_dir = mask_dir

    def __call__(
        self, image: NDArray[np.uint8], depth: NDArray[np.float32], sample_idx: str
    ) -> NDArray[np.integer]:
        return read_ids(self.mask_dir / f"{sample_idx}.png", "mask image") - 1


class SamSegmenter:
    """Masks of the automatic generator with its default parameters.

    Args:
        weights: ``sam_vit_{h,l,b}*.pth``; the name says which network it is.
        device: Where it runs.

    Raises:
        ImportError: If the package is not installed.
        ValueError: If the file name says no kind of network.
    """

    of_color = True

    def __init__(self, weights: Path, device: str = "cpu") -> None:
        try:
            from segment_anything import SamAutomaticMaskGenerator, sam_model_registry
        except ImportError as error:
            raise ImportError(
                "--segmenter sam needs the package segment_anything. Install it with "
                "`pip install git+https://github.com/facebookresearch/"
                "segment-anything.git`, or use --segmenter graph"
            ) from error
        kind = next((kind for kind in SAM_KINDS if kind in weights.name), None)
        if kind is None:
            raise ValueError(
                f"weights {weights.name} do not say which SAM they are, expected "
                f"{' or '.join(SAM_KINDS)} in the name. Keep the name of the download"
            )
        network = sam_model_registry[kind](checkpoint=str(weights)).to(device)
        self._generator = SamAutomaticMaskGenerator(network)

    def __call__(
        self, image: NDArray[np.uint8], depth: NDArray[np.float32], sample_idx: str = ""
    ) -> NDArray[np.int64]:
        """(H, W) superpoints; see ``segmenters``."""
        masks = [found["segmentation"] for found in self._generator.generate(image)]
        return paint_masks(masks, image.shape[:2])


class FastSamSegmenter:
    """All masks of an image at 640 pixels, confidence 0.1 and IoU 0.9.

    Args:
        weights: ``FastSAM-x.pt`` or ``FastSAM-s.pt``.
        device: Where it runs.

    Raises:
        ImportError: If the package is not installed.
    """

    of_color = True

    def __init__(self, weights: Path, device: str = "cpu") -> None:
        try:
            from ultralytics import FastSAM
        except ImportError as error:
            raise ImportError(
                "--segmenter fastsam needs the package ultralytics (AGPL-3.0). Install "
                "it with `pip install ultralytics`, or use --segmenter graph"
            ) from error
        self._network, self._device = FastSAM(str(weights)), device

    def __call__(
        self, image: NDArray[np.uint8], depth: NDArray[np.float32], sample_idx: str = ""
    ) -> NDArray[np.int64]:
        """(H, W) superpoints; see ``segmenters``."""
        (found,) = self._network(
            np.ascontiguousarray(image[..., ::-1]),  # the package takes arrays as BGR
            device=self._device,
            retina_masks=True,
            imgsz=640,
            conf=0.1,
            iou=0.9,
            verbose=False,
        )
        if found.masks is None:
            return paint_masks([], image.shape[:2])
        masks = list(found.masks.data.cpu().numpy() > 0.5)
        return paint_masks(masks, image.shape[:2])


def paint_masks(
    masks: Sequence[NDArray[np.bool_]], shape: tuple[int, ...]
) -> NDArray[np.int64]:
    """(H, W) map of masks, -1 uncovered: large ones first, so small ones stay visible.

    Args:
        masks: (H, W) each.
        shape: H, W.
    """
    painted = np.full(shape, -1, dtype=np.int64)
    areas = [-int(mask.sum()) for mask in masks]
    for number, index in enumerate(np.argsort(areas, kind="stable")):
        painted[masks[index]] = number
    return painted


def _weights(options: SegmenterOptions, released: str) -> Path:
    if options.weights is None or not options.weights.is_file():
        raise FileNotFoundError(
            f"--segmenter {options.name} needs its weights, got {options.weights}. "
            f"{RELEASED[released].how_to_fetch()}"
        )
    return options.weights


SEGMENTERS: dict[str, Callable[[SegmenterOptions], Segmenter]] = {
    "fastsam": lambda options: FastSamSegmenter(
        _weights(options, "fastsam_x"), options.device
    ),
    "geometry": lambda options: GeometrySegmenter(options.cell),
    "graph": lambda options: GraphSegmenter(options.scale, options.min_size),
    "masks": lambda options: MaskImageSegmenter(options.mask_dir),
    "sam": lambda options: SamSegmenter(_weights(options, "sam_vit_h"), options.device),
}
