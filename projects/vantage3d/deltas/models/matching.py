"""Descriptors compared along epipolar segments."""

import torch
from torch import Tensor
from torch.nn.functional import embedding, normalize, pad

from vantage3d.deltas.models.interest import CELL
from vantage3d.geometry import sample_maps


def to_cells(
    pixels: Tensor, size: tuple[int, int], legacy: bool, stride: int = CELL
) -> Tensor:
    """Where pixels lie on a map of cells, centres at integers.

    Args:
        pixels: (..., 2) pixels (x, y).
        size: (h, w) of the map.
        legacy: The mapping that the released weights were trained with: it stretches
            the map, by up to four pixels at the borders.
        stride: Pixels per cell.
    """
    if not legacy:
        return (pixels + 0.5) / stride - 0.5
    extent = pixels.new_tensor([size[1], size[0]])
    centred = pixels - (stride / 2 - 0.5)
    return extent * centred / (extent * stride - (stride / 2 + 0.5)) - 0.5


def correlate(queries: Tensor, maps: Tensor, cells: Tensor) -> Tensor:
    """Cosines of queries and of descriptors sampled from maps.

    The sample is bilinear, zero outside, and brought to unit length. It is not computed
    itself: its product with the query is a bilinear sample of the products with whole
    cells, and its square length a quadratic form of the products of neighbours, so the
    channels are summed once per cell and not once per sample.

    Args:
        queries: (M, N, C).
        maps: (M, C, h, w).
        cells: (M, N, S, 2) positions (x, y) in cells, centres at integers.

    Returns:
        (M, N, S).
    """
    height, width = maps.shape[-2:]
    wide = width + 2  # with a ring of zeros
    flat = pad(maps, (1, 1, 1, 1)).flatten(2)
    x = (cells[..., 0] + 1).clamp(0, width + 1)
    y = (cells[..., 1] + 1).clamp(0, height + 1)
    left, top = x.floor().clamp(max=width), y.floor().clamp(max=height)
    x, y = x - left, y - top
    corner = (top * wide + left).long()

    products = queries @ flat
    corners = torch.stack([corner + step for step in (0, 1, wide, wide + 1)], 2)
    taken = products.gather(2, corners.flatten(2))  # at once: each fills a gradient
    a, b, c, d = taken.view(corners.shape).unbind(2)
    product = torch.lerp(torch.lerp(a, b, x), torch.lerp(c, d, x), y)
    forms = _neighbour_products(flat, wide)
    forms = forms.flatten(0, 1), forms.shape[1]
    owner = torch.arange(len(maps), device=maps.device)[:, None, None]
    forms = embedding(corner + owner * forms[1], forms[0]).unflatten(-1, (3, 3))
    in_x = torch.stack([(1 - x) ** 2, x * (1 - x), x**2], -1)
    in_y = torch.stack([(1 - y) ** 2, y * (1 - y), y**2], -1)
    square = ((forms @ in_x[..., None])[..., 0] * in_y).sum(-1)
    return product / square.clamp(min=1e-12).sqrt()


def _neighbour_products(flat: Tensor, wide: int) -> Tensor:
    """(M, P, 9) products of the four cells that a sample between them combines.

    Of cell p and its right, lower and diagonal neighbour, such that the square length
    at (x, y) is the sum over rows i and columns j of form[i, j] * Y[i] * X[j] with
    X = (1 - x)², x (1 - x), x² and Y alike.
    """

    def product(step: int) -> Tensor:
        return (flat * flat.roll(-step, -1)).sum(1)

    def after(step: int, values: Tensor) -> Tensor:
        return values.roll(-step, -1)

    own, right, below = product(0), product(1), product(wide)
    diagonal, other = product(wide + 1), after(1, product(wide - 1))
    first = own, 2 * right, after(1, own)
    cross = 2 * below, 2 * (diagonal + other), 2 * after(1, below)
    last = [after(wide, values) for values in first]
    return torch.stack([*first, *cross, *last], -1)


def expected_position(scores: Tensor) -> Tensor:
    """(..., 2) column and row of the softmax over (..., rows, columns) as a mean."""
    weights = scores.flatten(-2).softmax(-1).view(scores.shape)
    rows, columns = (
        torch.arange(n, dtype=scores.dtype, device=scores.device)
        for n in scores.shape[-2:]
    )
    column = (weights.sum(-2) * columns).sum(-1)
    return torch.stack([column, (weights.sum(-1) * rows).sum(-1)], -1)


def describe_pixels(
    maps: Tensor, pixels: Tensor, legacy: bool, stride: int = CELL
) -> Tensor:
    """(B, N, C) descriptors of unit length at pixels (B, N, 2)."""
    cells = to_cells(pixels, (maps.shape[-2], maps.shape[-1]), legacy, stride)
    return normalize(sample_maps(maps, cells), dim=-1)
