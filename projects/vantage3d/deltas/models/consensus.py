"""Which of a keypoint's matches tell the same depth."""

import torch
from torch import Tensor

from vantage3d.geometry import normalise_pixels, project, triangulate


@torch.no_grad()
def agreeing_matches(
    pixels: Tensor, K: Tensor, ref2cam: Tensor, seen: Tensor, max_residual: float
) -> Tensor:
    """The largest set of matches that one of them explains.

    Each match, with the anchor, gives a point; views whose own match lies where they
    see that point support it. The point with most support decides, of equal ones that
    with the smaller sum of residuals. All matches are tried, so nothing is drawn.

    A view that does not show a keypoint, because something is in front of it, still
    answers with some place along its segment. This is what leaves it out.

    Args:
        pixels: (B, V, N, 2) keypoints of the anchor and their matches.
        K: (B, V, 3, 3).
        ref2cam: (B, V, 4, 4) from the anchor's camera to each, itself first.
        seen: (B, V - 1, N) bool: there is a match.
        max_residual: Pixels between a match and the point as its view sees it.

    Returns:
        (B, V - 1, N) bool; none where no match has a point in front of the cameras.
    """
    views = seen.shape[1]
    alone = torch.eye(views, dtype=seen.dtype, device=seen.device)
    weights = alone[None, :, :, None] & seen[:, None]  # (B, tried, V - 1, N)
    weights = with_anchor(weights)
    coords = normalise_pixels(pixels.double(), K.double())
    shape = (-1, views, -1, -1, -1)
    points, _, in_front = triangulate(
        coords[:, None].expand(shape), ref2cam[:, None].expand(shape), weights.double()
    )
    found, depth = project(
        points[:, :, None], K[:, None, 1:].double(), ref2cam[:, None, 1:].double()
    )
    residual = (found - pixels[:, None, 1:]).norm(dim=-1)
    support = (residual <= max_residual) & (depth > 0) & seen[:, None]
    support &= in_front[:, :, None]
    # below 1 in all, so that it decides only between sets of one size
    spread = torch.where(support, residual, 0).sum(2) / (1 + views * max_residual)
    best = (support.sum(2) - spread).argmax(1)
    best = best[:, None, None].expand(-1, 1, views, -1)
    return support.gather(1, best)[:, 0]


def with_anchor(values: Tensor) -> Tensor:
    """(..., V, N) of the views' (..., V - 1, N): 1, or true, for the anchor."""
    return torch.cat([torch.ones_like(values[..., :1, :]), values], -2)
