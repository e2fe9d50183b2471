"""Epipolar segments, where views may show a keypoint, and descriptors along them."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding, normalize, pad

from vantage3d.deltas.models.interest import CELL
from vantage3d.geometry import clip_rays, sample_maps, seen_rays


class Segments(NamedTuple):
    """Straight parts of the views' images, between two depths of each keypoint.

    Attributes:
        ends: (B, V, N, 2, 2) pixels of both ends.
        valid: (B, V, N) bool: there is something to search.
        centre: (B, V, N, 2) pixels; (0, 0) where not valid.
        along: (B, V, N, 2) from end to end; (0, 0) where not valid.
        across: (B, V, N, 2) one pixel, at right angles.
    """

    ends: Tensor
    valid: Tensor
    centre: Tensor
    along: Tensor
    across: Tensor

    @property
    def length(self) -> Tensor:
        """(B, V, N) pixels; 0 where not valid."""
        return self.along.norm(dim=-1)

    def at(self, position: Tensor) -> Tensor:
        """Pixels (..., 2) at (along in [-0.5, 0.5], across in pixels)."""
        along, across = position[..., :1], position[..., 1:]
        return self.centre + along * self.along + across * self.across

    def grid(self, samples: int, half_width: int) -> Tensor:
        """(B, V, N, (2 half_width + 1) * samples, 2) pixels, rows across, in order."""
        like = dict(dtype=self.ends.dtype, device=self.ends.device)
        columns = torch.linspace(-0.5, 0.5, samples, **like)
        rows = torch.linspace(-half_width, half_width, 2 * half_width + 1, **like)
        points = self.centre[..., None, None, :] + (
            columns[:, None] * self.along[..., None, None, :]
            + rows[:, None, None] * self.across[..., None, None, :]
        )
        return points.flatten(-3, -2)


@torch.no_grad()
def epipolar_segments(
    keypoints: Tensor,
    K: Tensor,
    ref2src: Tensor,
    search_range: tuple[float, float],
    size: tuple[int, int],
    legacy: bool,
) -> Segments:
    """The part of each keypoint's ray that each view can show.

    Args:
        keypoints: (B, N, 2) pixels of the anchor.
        K: (B, 1 + V, 3, 3) intrinsics, the anchor's first.
        ref2src: (B, V, 4, 4) from anchor camera to view cameras.
        search_range: Least and greatest depth in the anchor camera, metres.
        size: (H, W) of the images.
        legacy: As upstream: a segment counts only if both ends are inside the image,
            whether they are in front of the camera or behind. Else it is clipped.
    """
    near, far = search_range
    pixels = keypoints[:, None].expand(-1, ref2src.shape[1], -1, -1)
    rays = seen_rays(pixels, K[:, :1], K[:, 1:], ref2src)
    bounds, valid = clip_rays(rays, near, far, size)
    if legacy:
        bounds = torch.empty_like(bounds)
        bounds[..., 0], bounds[..., 1] = 1 / far, 1 / near
    ends = torch.stack([rays.at(bounds[..., end]) for end in (0, 1)], -2)
    if legacy:
        limit = ends.new_tensor([size[1] - 0.5, size[0] - 0.5])
        valid = ((ends >= -0.5) & (ends < limit)).flatten(-2).all(-1)
    difference = ends[..., 1, :] - ends[..., 0, :]
    length = difference.norm(dim=-1, keepdim=True)
    direction = torch.where(
        length > 0, difference / length.clamp(min=1e-12), ends.new_tensor([1.0, 0.0])
    )
    across = torch.stack([-direction[..., 1], direction[..., 0]], -1)
    zero = torch.zeros_like(difference)
    centre = torch.where(valid[..., None], ends.mean(-2), zero)
    along = torch.where(valid[..., None], difference, zero)
    return Segments(ends, valid, centre, along, across)


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
    owner = torch.arange(maps.shape[0], device=maps.device)[:, None, None]
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
