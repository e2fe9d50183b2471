"""Superpoints by Segment Anything, through its own package."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.esam.converters.painting import paint_masks

DOWNLOAD = (
    "sam_vit_h_4b8939.pth from https://github.com/facebookresearch/segment-anything "
    "(Apache-2.0)"
)
KINDS = ("vit_h", "vit_l", "vit_b")


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
        kind = next((kind for kind in KINDS if kind in weights.name), None)
        if kind is None:
            raise ValueError(
                f"weights {weights.name} do not say which SAM they are, expected "
                f"{' or '.join(KINDS)} in the name. Keep the name of the download"
            )
        network = sam_model_registry[kind](checkpoint=str(weights)).to(device)
        self._generator = SamAutomaticMaskGenerator(network)

    def __call__(
        self, image: NDArray[np.uint8], depth: NDArray[np.float32], sample_idx: str = ""
    ) -> NDArray[np.int64]:
        """(H, W) superpoints; see ``segmenters``."""
        masks = [found["segmentation"] for found in self._generator.generate(image)]
        return paint_masks(masks, depth.shape)
