"""Overlapping masks of an image to one map."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


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
