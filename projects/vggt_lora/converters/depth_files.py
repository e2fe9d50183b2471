"""Depth maps on disk: 16-bit PNG with 256 units per metre, as KITTI has them."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from projects.common.io.atomic import atomic_write_bytes

DEPTH_SCALE = 256
FARTHEST = (2**16 - 1) / DEPTH_SCALE


def write_depth_image(path: Path, depth: NDArray[np.float32]) -> None:
    """Write (H, W) metres, 0 = missing; rounded to 2 mm, beyond 255 m is missing."""
    units = np.round(np.where(depth <= FARTHEST, depth, 0) * DEPTH_SCALE)
    _, data = cv2.imencode(".png", units.astype(np.uint16))
    atomic_write_bytes(path, data.tobytes())
