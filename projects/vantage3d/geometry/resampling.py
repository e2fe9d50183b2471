"""Maps sampled and resized, with gradients that repeat bit for bit on a GPU.

CUDA refuses the gradients of ``grid_sample`` and of bicubic ``interpolate`` under
``torch.use_deterministic_algorithms(True)``: they are added up in the order in which
threads arrive. These give the same values, and gradients in a fixed order.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import embedding_bag, interpolate

from vantage3d.checks import check_choice, check_shape

OUTSIDE = ("border", "zeros")


def bilinear_cells(
    pixels: Tensor, width: int, height: int, outside: str = "border"
) -> tuple[Tensor, Tensor]:
    """The four cells that a bilinear sample is made of, and their shares.

    Args:
        pixels: (N, 2) positions (x, y) in cells, centres at integers.
        width: Cells in a row of the map.
        height: Rows of the map.
        outside: What the map shows beyond its outer centres: "border", their values,
            or "zeros".

    Returns:
        (N, 4) int64 cells, counted along rows, and (N, 4) shares that sum to one, or
        to less where the map shows zeros. The shares of a position that is not finite
        are not finite.

    Raises:
        ValueError: If the shape is wrong, or ``outside`` another.
    """
    check_shape("pixels", pixels, "N 2")
    check_choice("outside", outside, OUTSIDE)
    ring = int(outside == "zeros")
    sides = []
    for at, size in ((pixels[:, 0], width), (pixels[:, 1], height)):
        at = at.clamp(-ring, size - 1 + ring)
        whole = at.floor()
        share = at - whole
        low = whole.nan_to_num().long()
        places = torch.stack([low, low + 1], 1)
        shares = torch.stack([1 - share, share], 1)
        if ring:
            shares = torch.where((places >= 0) & (places < size), shares, 0)
        sides.append((places.clamp(0, size - 1), shares))
    (columns, in_x), (rows, in_y) = sides
    cells = rows[:, :, None] * width + columns[:, None]
    return cells.flatten(1), (in_y[:, :, None] * in_x[:, None]).flatten(1)


def sample_maps(maps: Tensor, pixels: Tensor, outside: str = "border") -> Tensor:
    """Bilinear samples of maps, what ``grid_sample`` with aligned corners gives.

    Args:
        maps: (B, C, h, w).
        pixels: (B, ..., 2) positions (x, y) in cells, centres at integers.
        outside: See :func:`bilinear_cells`.

    Returns:
        (B, ..., C).
    """
    samples, channels, height, width = maps.shape
    cells, shares = bilinear_cells(pixels.flatten(0, -2), width, height, outside)
    first = torch.arange(samples, device=maps.device) * (height * width)
    cells = cells.view(samples, prod(pixels.shape[1:-1]), 4) + first[:, None, None]
    # Cells lie together in memory, so this beats grid_sample on a CPU.
    rows = maps.flatten(2).mT.reshape(-1, channels)
    found = embedding_bag(
        cells.flatten(0, 1),
        rows,
        per_sample_weights=shares.to(rows.dtype),
        mode="sum",
    )
    return found.view(*pixels.shape[:-1], channels)


class _Bicubic(torch.autograd.Function):
    """``interpolate``, and the transposed resize as two products for its gradient."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, options: dict[str, Any]) -> Tensor:
        ctx.options, ctx.size = options, maps.shape[-2:]
        return interpolate(maps, mode="bicubic", **options)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        matrices = []
        for axis, cells in enumerate(ctx.size):
            options = dict(ctx.options)
            for name, same in (("size", cells), ("scale_factor", 1.0)):
                if options.get(name) is not None:
                    options[name] = (options[name][axis], same)
            eye = torch.eye(cells, dtype=gradient.dtype, device=gradient.device)
            resized = interpolate(eye[None, None], mode="bicubic", **options)
            matrices.append(resized[0, 0])
        rows, columns = matrices  # (H, h), (W, w)
        return rows.mT @ gradient @ columns, None


def resize_bicubic(
    maps: Tensor,
    size: Sequence[int] | None = None,
    scale_factor: Sequence[float] | None = None,
    antialias: bool = False,
) -> Tensor:
    """``interpolate`` in mode "bicubic", bit for bit; once differentiable.

    Args:
        maps: (B, C, h, w).
        size: (H, W) of the result; or
        scale_factor: Of h and w, which then decides where the samples lie.
        antialias: Whether a smaller result is made of averages.

    Returns:
        (B, C, H, W).
    """
    options: dict[str, Any] = dict(antialias=antialias)
    options |= dict(size=None if size is None else tuple(size))
    options |= dict(scale_factor=scale_factor and tuple(scale_factor))
    return _Bicubic.apply(maps, options)
