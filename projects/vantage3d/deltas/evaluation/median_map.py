"""The answer of who has not looked: the training set's median depth, pixel by pixel."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vantage3d.evaluation.stereo_depth import DepthRange


def median_depth_map(
    samples: Iterable[Mapping[str, Any]], limits: DepthRange
) -> NDArray[np.float64]:
    """Median of the anchors' true depth at each pixel.

    Args:
        samples: With ``depth`` (V, H, W), metres, of one size; view 0 is the anchor.
        limits: Depth that counts.

    Returns:
        (H, W) metres; the median of the whole where a pixel never has depth.

    Raises:
        ValueError: If no pixel has depth in range.
    """
    depths = np.stack([np.asarray(s["depth"][0], np.float64) for s in samples])
    known = np.where(limits.mask(depths), depths, np.nan)
    empty = np.isnan(known).all(axis=0)
    if empty.all():
        raise ValueError(
            f"none of {len(depths)} training depth maps has depth between "
            f"{limits.smallest:g} and {limits.largest:g} m. Look at the depth's unit"
        )
    known[:, empty] = np.nanmedian(known)
    return np.nanmedian(known, axis=0)
