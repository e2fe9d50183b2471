"""Values of an image at the pixel centres of a smaller or larger one."""

import numpy as np
from numpy.typing import NDArray


def nearest(values: NDArray, height: int, width: int) -> NDArray:
    """Values at the centres of a view's pixels, never mixed (half-pixel rule).

    Args:
        values: (h, w) or (h, w, C) of any type.
        height: Rows of the view.
        width: Columns of the view.

    Returns:
        (height, width) or (height, width, C).
    """
    rows, columns = _centres(values.shape[0], height), _centres(values.shape[1], width)
    return values[rows[:, None], columns]


def _centres(source: int, target: int) -> NDArray[np.intp]:
    """Source index under each target pixel's centre."""
    return ((np.arange(target) + 0.5) * (source / target)).astype(np.intp)
