"""Superpoints by FastSAM, through the package ultralytics."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vantage3d.esam.converters.painting import paint_masks

DOWNLOAD = (
    "FastSAM-x.pt from https://github.com/CASIA-IVA-Lab/FastSAM (AGPL-3.0; a pickle "
    "that the package unpacks, so only from there)"
)


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
