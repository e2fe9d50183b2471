"""Numerics of the released implementation that are worse than ours, for its weights."""

import torch
from torch import Tensor

_LARGEST = 1000.0  # metres, where a point of the batch is infinite


def triangulate_pixels(
    pixels: Tensor, K: Tensor, ref2cam: Tensor, weights: Tensor
) -> Tensor:
    """Points by homogeneous linear triangulation in pixels and single precision.

    Args:
        pixels: (B, V, N, 2).
        K: (B, V, 3, 3).
        ref2cam: (B, V, 4, 4) from the frame of the points to each camera.
        weights: (B, V, N).

    Returns:
        (B, N, 3); any finite point where the equations have no single solution.
    """
    projection = (K @ ref2cam[..., :3, :])[:, :, None]
    rows = pixels[..., None] * projection[..., 2:, :] - projection[..., :2, :]
    rows = (rows * weights[..., None, None]).permute(0, 2, 1, 3, 4).flatten(2, 3)
    solution = torch.linalg.svd(rows, full_matrices=False).Vh[..., -1, :]
    points = solution[..., :3] / solution[..., 3:]
    if torch.isinf(points).any():
        points = points.clamp(-_LARGEST, _LARGEST)
    return points
