"""Epipolar segments: where the views may show a keypoint of the anchor."""

from typing import NamedTuple

import torch
from torch import Tensor

from vantage3d.geometry import clip_rays, seen_rays


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
    return _segments(ends, valid)


def _segments(ends: Tensor, valid: Tensor) -> Segments:
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
