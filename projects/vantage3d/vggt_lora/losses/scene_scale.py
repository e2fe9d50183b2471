"""The units of the network: the first camera's frame, and a scene of size 1."""

from typing import NamedTuple

import torch
from torch import Tensor

from vantage3d.checks import check_choice
from vantage3d.geometry import invert_rigid, transform_points

STATISTICS = ("mean", "median")
SCALE_RANGE = (1e-6, 1e6)


class NormalizedScene(NamedTuple):
    """Truth in the units of the network.

    Attributes:
        world2cam: (B, S, 4, 4); the first of each sample is the identity.
        depths: (B, S, H, W), 0 where invalid.
        world_points: (B, S, H, W, 3) in the first camera's frame, 0 where invalid.
        scale: (B,) metres per unit.
    """

    world2cam: Tensor
    depths: Tensor
    world_points: Tensor
    scale: Tensor


def normalize_scene(
    world2cam: Tensor,
    depths: Tensor,
    world_points: Tensor,
    valid: Tensor,
    statistic: str = "mean",
) -> NormalizedScene:
    """Move each true sample into its first camera and divide it by its scale.

    The scale is the mean (the released convention) or median distance of the valid
    points of all frames from the first camera; 1 for a sample without any. The mean
    follows what is valid: with sparse depth a few far points change every target, and
    the median is steadier.

    Args:
        world2cam: (B, S, 4, 4) rigid transforms, metres, OpenCV axes.
        depths: (B, S, H, W) z-depth in metres.
        world_points: (B, S, H, W, 3) world points in metres.
        valid: (B, S, H, W) bool, where depth and points mean something.
        statistic: "mean" or "median".

    Raises:
        ValueError: If ``statistic`` is another.
    """
    check_choice("statistic", statistic, STATISTICS)
    points = torch.where(valid[..., None], world_points, 0)
    points = transform_points(world2cam[:, :1, None], points)
    distances = points.norm(dim=-1)
    of_valid = [d[v] for d, v in zip(distances, valid)]
    average = torch.mean if statistic == "mean" else torch.median
    scales = [average(d) if len(d) else d.new_ones(()) for d in of_valid]
    scale = torch.stack(scales).to(depths.dtype).clamp(*SCALE_RANGE)
    # float64: products of far poses lose the small steps between neighbours
    precise = world2cam.double()
    relative = (precise @ invert_rigid(precise[:, :1])).to(world2cam.dtype)
    relative[..., :3, 3] /= scale[:, None, None]
    return NormalizedScene(
        relative,
        torch.where(valid, depths, 0) / scale[:, None, None, None],
        torch.where(valid[..., None], points, 0) / scale[:, None, None, None, None],
        scale,
    )
