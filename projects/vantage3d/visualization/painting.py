"""Instances of sparse points, painted over the image they came from."""

import numpy as np
from scipy.ndimage import distance_transform_edt, maximum_filter

WARNING = (230, 20, 20)
"""RGB of the outline of what is missed or wrong."""


def paint(
    image: np.ndarray,
    pixels: np.ndarray,
    ids: np.ndarray,
    colours: np.ndarray,
    warn: np.ndarray,
) -> np.ndarray:
    """Colour the instances, fade the rest.

    Args:
        image: (H, W, 3) uint8 RGB.
        pixels: (N, 2) int (x, y) of the points.
        ids: (N,) row of ``colours`` of each point, -1 none.
        colours: (K, 3) uint8 RGB.
        warn: (K,) bool, outlined in red instead of white.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    dense = spread((image.shape[0], image.shape[1]), pixels, ids)
    grey = image.mean(2, keepdims=True)
    panel = np.repeat(150 + grey * 0.4, 3, axis=2)
    inside = dense >= 0
    panel[inside] = 0.75 * colours[dense[inside]] + 0.25 * grey[inside]
    wide = 1 + max(image.shape[:2]) // 400
    edge = outline(dense)
    panel[edge & inside] = 255
    warned = edge & inside & np.append(warn, False)[dense]
    panel[maximum_filter(warned, size=wide + 1)] = WARNING
    return np.clip(np.round(panel), 0, 255).astype(np.uint8)


def spread(size: tuple[int, int], pixels: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Ids of sparse pixels given to their surroundings.

    Args:
        size: (H, W).
        pixels: (N, 2) int (x, y).
        ids: (N,), -1 none.

    Returns:
        (H, W) id of the nearest point; -1 farther than 2.5 mean distances from any.
    """
    if not len(pixels):
        return np.full(size, -1)
    sparse = np.full(size, -1)
    empty = np.ones(size, bool)
    sparse[pixels[:, 1], pixels[:, 0]] = ids
    empty[pixels[:, 1], pixels[:, 0]] = False
    distance, nearest = distance_transform_edt(empty, return_indices=True)
    dense = sparse[tuple(nearest)]
    dense[distance > 2.5 * np.sqrt(size[0] * size[1] / len(pixels))] = -1
    return dense


def outline(dense: np.ndarray) -> np.ndarray:
    """(H, W) bool, where the id differs from that of a direct neighbour."""
    edge = np.zeros(dense.shape, bool)
    below, right = dense[1:] != dense[:-1], dense[:, 1:] != dense[:, :-1]
    edge[1:] |= below
    edge[:-1] |= below
    edge[:, 1:] |= right
    edge[:, :-1] |= right
    return edge
