"""Scattered points on a pixel grid; numpy alone."""

import numpy as np
from numpy.typing import NDArray


def z_buffer(
    depth: NDArray[np.floating], pixels: NDArray[np.intp], size: tuple[int, int]
) -> NDArray[np.float32]:
    """(H, W) nearest depth of each pixel, 0 where none.

    Args:
        depth: (M,) metres.
        pixels: (M,) pixel of each, counted along rows.
        size: (W, H).
    """
    buffer = np.full(size[0] * size[1], np.inf, np.float32)
    np.minimum.at(buffer, pixels, depth.astype(np.float32))
    buffer[np.isinf(buffer)] = 0
    return buffer.reshape(size[1], size[0])
