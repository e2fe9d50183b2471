"""Do images, depth, K and poses of a sample belong together?"""

import numpy as np
import torch

from vantage3d.geometry import invert_rigid, project, unproject


def landed(sample, view):
    """Points of the anchor in another view.

    Returns:
        |surface - expected| in metres, expected depth in metres, and the difference of
        the two colours, for the points that land inside where there is depth; and the
        share of the anchor's points that they are.
    """
    K, cam2world = sample["K"].double(), sample["cam2world"].double()
    depth = sample["depth"].double()
    has_depth = depth[0] > 0
    points = unproject(depth[0], K[0], cam2world[0])[has_depth]
    pixels, expected = project(points, K[view], invert_rigid(cam2world[view]))
    x, y = pixels.round().long().unbind(1)
    height, width = depth.shape[1:]
    seen = (expected > 0) & (x >= 0) & (y >= 0) & (x < width) & (y < height)
    colour = 255 * sample["images"][0][:, has_depth][:, seen]
    there = 255 * sample["images"][view][:, y[seen], x[seen]]
    surface, expected = depth[view][y[seen], x[seen]], expected[seen]
    known = surface > 0
    off = (surface - expected).abs()[known]
    differs = (colour - there).abs().mean(dim=0)[known]
    share = float(known.sum() / has_depth.sum())
    return off.numpy(), expected[known].numpy(), differs.numpy(), share


def median_offset(sample, view):
    """Median of |surface - expected| in metres over the points that land."""
    return float(np.median(landed(sample, view)[0]))


def same(first, second):
    """Whether two samples are equal, bit for bit."""
    return first.keys() == second.keys() and all(
        torch.equal(value, second[key]) if torch.is_tensor(value) else True
        for key, value in first.items()
    )
