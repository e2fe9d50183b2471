"""Which descriptors of two images belong together."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

RATIO = 0.8  # Lowe's: best distance by the second best


def mutual_matches(first: Any, second: Any) -> NDArray[np.int64]:
    """(M, 2) rows that are each other's nearest, and by far.

    Args:
        first: (N, C) float32 descriptors, None of an image without.
        second: Those of another image.
    """
    if first is None or second is None:
        return np.empty((0, 2), np.int64)
    forth, back = _nearest(first, second), _nearest(second, first)
    rows = [(a, b) for a, b in forth.items() if back.get(b) == a]
    return np.array(rows, np.int64).reshape(-1, 2)


def _nearest(queries: Any, others: Any) -> dict[int, int]:
    pairs = cv2.BFMatcher(cv2.NORM_L2).knnMatch(queries, others, k=2)
    return {
        pair[0].queryIdx: pair[0].trainIdx
        for pair in pairs
        if len(pair) == 2 and pair[0].distance < RATIO * pair[1].distance
    }
