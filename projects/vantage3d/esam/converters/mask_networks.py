"""Superpoints by mask networks, through their own packages."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SAM_DOWNLOAD = (
    "sam_vit_h_4b8939.pth from https://github.com/facebookresearch/segment-anything "
    "(Apache-2.0)"
)
SAM_KINDS = ("vit_h", "vit_l", "vit_b")
FASTSAM_DOWNLOAD = (
    "FastSAM-x.pt from https://github.com/CASIA-IVA-Lab/FastSAM (AGPL-3.0; a pickle "
    "that the package unpacks, so only from there)"
)


class SamSegmenter:
    """Masks of the automatic generator with its default parameters.

    Args:
        weights: ``sam_vit_{h,l,b}*.pth``; the name says which network it is.
        device: Where it runs.

    Raises:
        ImportError: If the package is not installed.
        ValueError: If the file name says no kind of network.
    """

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
        return paint_masks(masks, depth.shape)


class FastSamSegmenter:
    """All masks of an image at 640 pixels, confidence 0.1 and IoU 0.9.

    Args:
        weights: ``FastSAM-x.pt`` or ``FastSAM-s.pt``.
        device: Where it runs.

    Raises:
        ImportError: If the package is not installed.
    """

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
            return paint_masks([], depth.shape)
        return paint_masks(list(found.masks.data.cpu().numpy() > 0.5), depth.shape)


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
