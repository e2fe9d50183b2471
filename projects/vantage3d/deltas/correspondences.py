"""Where the keypoints of the anchor truly lie: in space, and in the other views.

An anchor pixel with depth D* is X = D* K^-1 (x, y, 1); in a view it is at
dehom(K' (R X + t)). It counts there if it is in front of that camera, inside its image,
and if the depth the view itself saw at that place agrees: else something else is in
front of it.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from vantage3d.checks import check_shape
from vantage3d.geometry import invert_rigid, project
from vantage3d.geometry.cameras import unproject_pixels


class TruePoints(NamedTuple):
    """Points (B, N, 3) of the anchor's keypoints, metres in its camera.

    They are valid (B, N) where the anchor has depth, in range, and zero elsewhere.
    """

    points: Tensor
    valid: Tensor


class TrueMatches(NamedTuple):
    """Pixels (B, V-1, N, 2) of the anchor's keypoints in the other views, (x, y).

    They are always finite, and valid (B, V-1, N) where the point is seen.
    """

    pixels: Tensor
    valid: Tensor


def true_points(
    keypoints: Tensor, depth: Tensor, K: Tensor, limits: tuple[float, float]
) -> TruePoints:
    """Unproject keypoints with the true depth of their pixel.

    Args:
        keypoints: (B, N, 2) pixels (x, y) of the anchor.
        depth: (B, H, W) z-depth of the anchor in metres, 0 missing.
        K: (B, 3, 3) intrinsics of the anchor.
        limits: Smallest and largest depth that counts, metres.

    Raises:
        ValueError: If a shape is wrong.
    """
    dims = check_shape("keypoints", keypoints, "B N 2")
    check_shape("depth", depth, "B H W", dims=dims)
    check_shape("K", K, "B 3 3", dims=dims)
    z, _ = nearest(depth[:, None], keypoints[:, None])
    z = z[:, 0]
    valid = (z >= limits[0]) & (z <= limits[1])
    z = torch.where(valid, z, torch.zeros_like(z))
    eye = torch.eye(4, dtype=K.dtype, device=K.device).expand(len(K), 4, 4)
    return TruePoints(unproject_pixels(keypoints.to(K.dtype), z, K, eye), valid)


def true_matches(
    truth: TruePoints,
    depth: Tensor,
    K: Tensor,
    cam2world: Tensor,
    occlusion: float,
) -> TrueMatches:
    """Project points of the anchor into the other views.

    A view without depth at a pixel cannot tell, so that match is not valid.

    Args:
        truth: Points of the anchor.
        depth: (B, V, H, W) z-depth in metres, 0 missing; view 0 is the anchor.
        K: (B, V, 3, 3) intrinsics.
        cam2world: (B, V, 4, 4) rigid transforms, OpenCV axes.
        occlusion: Largest |D' - Z'| / Z' of the depth D' that a view saw at a match
            and the point's own Z' there, with which it sees the point.

    Raises:
        ValueError: If a shape is wrong.
    """
    dims = check_shape("depth", depth, "B V H W")
    check_shape("K", K, "B V 3 3", dims=dims)
    check_shape("cam2world", cam2world, "B V 4 4", dims=dims)
    anchor2view = invert_rigid(cam2world[:, 1:]) @ cam2world[:, :1]
    points = truth.points[:, None].expand(-1, dims["V"] - 1, -1, -1)
    pixels, z = project(points, K[:, 1:], anchor2view)
    seen, inside = nearest(depth[:, 1:], pixels)
    agrees = (seen > 0) & ((seen - z).abs() < occlusion * z)
    valid = truth.valid[:, None] & (z > 0) & inside & agrees
    return TrueMatches(torch.where((z > 0)[..., None], pixels, 0.0), valid)


def nearest(maps: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
    """Values of maps at the nearest pixel.

    Args:
        maps: (B, V, H, W).
        pixels: (B, V, N, 2) (x, y), centres at integers, anywhere.

    Returns:
        (B, V, N) values, 0 outside, and (B, V, N) bool, whether inside.
    """
    height, width = maps.shape[-2:]
    x, y = pixels.unbind(-1)
    inside = (x >= -0.5) & (x < width - 0.5) & (y >= -0.5) & (y < height - 0.5)
    column = x.nan_to_num(0.0).round().clamp(0, width - 1).long()
    row = y.nan_to_num(0.0).round().clamp(0, height - 1).long()
    values = maps.flatten(2).gather(2, row * width + column)
    return values * inside, inside
