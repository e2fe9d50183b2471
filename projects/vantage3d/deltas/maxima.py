"""Local maxima of score maps, and their borders."""

import torch
from torch import Tensor
from torch.nn.functional import pad


def dilate(maps: Tensor, radius: int) -> Tensor:
    """Largest value within ``radius`` in x and y, of values that are not negative.

    The same as ``max_pool2d``, without going through its square windows pixel by pixel.
    """
    return _row_maxima(_row_maxima(maps, radius).mT, radius).mT


def _row_maxima(maps: Tensor, radius: int) -> Tensor:
    """Largest of 2 ``radius`` + 1 values of a row, by windows that double."""
    size, width = 2 * radius + 1, maps.shape[-1]
    maxima, window = pad(maps, (radius, radius)), 1
    while 2 * window <= size:
        maxima = torch.maximum(maxima[..., :-window], maxima[..., window:])
        window *= 2
    rest = size - window
    return torch.maximum(maxima[..., :width], maxima[..., rest : rest + width])


def remove_border(scores: Tensor, border: int) -> Tensor:
    """(..., H, W) scores, 0 within ``border`` pixels of the image's border."""
    kept = torch.zeros_like(scores)
    inner = (..., slice(border, -border or None), slice(border, -border or None))
    kept[inner] = scores[inner]
    return kept
