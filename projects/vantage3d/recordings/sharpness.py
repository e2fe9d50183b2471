"""How sharp an image is, to choose among neighbours."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray


def sharpness(image: NDArray[np.uint8]) -> float:
    """Variance of the Laplacian of an (H, W, 3) RGB image: grey levels squared.

    It compares images of one scene and size, of which blur takes the fine detail.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())


def sharpest(values: Sequence[float], every: int) -> list[int]:
    """Places of the largest of every so many values in succession.

    Args:
        values: Sharpness of images in order.
        every: Images in a window; the last window may have fewer.
    """
    starts = range(0, len(values), every)
    return [int(start + np.argmax(values[start : start + every])) for start in starts]
