"""Losses on the shape of a map: differences of neighbours, and normals.

Maps are (N, H, W, C), masks and weights (N, H, W). Coarser scales take every second,
fourth, ... pixel.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from vantage3d.vggt_lora.losses.weighting import MAX_RESIDUAL, weighted_mean

MapLoss = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
MIN_NORMALS = 10


def multi_scale(loss: MapLoss, scales: int, *maps: Tensor) -> Tensor:
    """Mean of ``loss`` over scales, each of half the resolution of the last.

    Args:
        loss: :func:`gradient_loss` or :func:`normal_loss`.
        scales: How many, the full resolution included.
        *maps: Prediction, truth, mask and weights, as ``loss`` takes them.

    Returns:
        Scalar.
    """
    steps = [2**scale for scale in range(scales)]
    losses = [loss(*(image[:, ::step, ::step] for image in maps)) for step in steps]
    return torch.stack(losses).mean()


def gradient_loss(
    pred: Tensor, target: Tensor, mask: Tensor, weights: Tensor
) -> Tensor:
    """Absolute differences of the error between neighbours, both ways.

    A pair counts where both pixels are valid, with the smaller of their weights; the
    sum is divided by the weights of all valid pixels.

    Args:
        pred: (N, H, W, C) prediction.
        target: (N, H, W, C) truth.
        mask: (N, H, W) bool.
        weights: (N, H, W) non-negative.

    Returns:
        Scalar.
    """
    error = torch.where(mask[..., None], pred - target, 0)
    weights = weights * mask
    total = pred.flatten()[:0].sum()
    for axis in (1, 2):
        size = error.shape[axis] - 1
        first, second = error.narrow(axis, 0, size), error.narrow(axis, 1, size)
        share = torch.minimum(
            weights.narrow(axis, 0, size), weights.narrow(axis, 1, size)
        )
        steps = (second - first).abs().clamp(max=MAX_RESIDUAL)
        total = total + (steps * share[..., None]).sum()
    tiny = torch.finfo(weights.dtype).tiny
    return total / (weights.sum() * pred.shape[-1]).clamp(min=tiny)


def normal_loss(pred: Tensor, target: Tensor, mask: Tensor, weights: Tensor) -> Tensor:
    """One minus the cosine between predicted and true normals of a point map.

    Args:
        pred: (N, H, W, 3) points.
        target: (N, H, W, 3) points.
        mask: (N, H, W) bool.
        weights: (N, H, W) non-negative.

    Returns:
        Scalar; 0 with fewer than 10 normals.
    """
    valid = corner_validity(mask)
    target = torch.where(mask[..., None], target, 0)
    cosine = (corner_normals(pred) * corner_normals(target)).sum(-1)
    if valid.sum() < MIN_NORMALS:
        valid = torch.zeros_like(valid)
    return weighted_mean(1 - cosine[valid], weights.expand_as(valid)[valid])


def corner_normals(points: Tensor) -> Tensor:
    """Unit normals of the four corners that a pixel spans with its neighbours.

    Args:
        points: (N, H, W, 3) points.

    Returns:
        (4, N, H, W, 3): up x left, left x down, down x right, right x up; only those
        of :func:`corner_validity` mean something.
    """
    padded = functional.pad(points, (0, 0, 1, 1, 1, 1))
    centre = padded[:, 1:-1, 1:-1]
    up, left, down, right = (around - centre for around in _around(padded))
    firsts = torch.stack([up, left, down, right])
    seconds = torch.stack([left, down, right, up])
    return functional.normalize(torch.linalg.cross(firsts, seconds), dim=-1, eps=1e-6)


def corner_validity(mask: Tensor) -> Tensor:
    """(4, N, H, W) bool: pixel and both neighbours of a corner are valid."""
    up, left, down, right = _around(functional.pad(mask, (1, 1, 1, 1)))
    pairs = [up & left, left & down, down & right, right & up]
    return torch.stack(pairs) & mask


def _around(padded: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The pixels above, left of, below and right of each pixel."""
    return (
        padded[:, :-2, 1:-1],
        padded[:, 1:-1, :-2],
        padded[:, 2:, 1:-1],
        padded[:, 1:-1, 2:],
    )
