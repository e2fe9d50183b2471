"""What triangulation had to work with, and how well it did, in a few numbers.

Without these a network that never triangulates cannot be told from one that does: it
guesses depth from the anchor alone, and every spacing of the views gives the same dense
numbers.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vantage3d.deltas.correspondences import true_points
from vantage3d.evaluation.results.records import mean
from vantage3d.geometry import invert_rigid, project
from vantage3d.geometry.cameras import unproject_pixels

Values = dict[str, float]
SPARSE = ("sparse.triangulated", "sparse.abs_rel_median", "sparse.within_5",
          "sparse.baseline_m", "sparse.epipolar_px")  # fmt: skip


class Triangulated(NamedTuple):
    """Keypoints of one anchor.

    Attributes:
        keypoints: (N, 2) pixels of the anchor.
        points: (N, 3) metres, camera frame of the anchor.
        valid: (N,) bool, whether they were triangulated.
    """

    keypoints: Tensor
    points: Tensor
    valid: Tensor


def measure_points(
    found: Triangulated,
    batch: Mapping[str, Tensor],
    limits: tuple[float, float],
    search: tuple[float, float],
) -> dict[str, Any]:
    """What :func:`summarise_points` needs of one sample.

    Args:
        found: What the network triangulated.
        batch: One sample: ``depth`` (V, H, W), ``K`` (V, 3, 3), ``cam2world``
            (V, 4, 4).
        limits: True depth that is evaluated, metres.
        search: Range of depth in which matches were searched, metres.

    Returns:
        ``triangulated`` (share of keypoints); ``errors``, (M,) float32 |z - z*| / z* of
        the triangulated keypoints with true depth; ``baseline_m`` (mean distance of the
        views to the anchor) and ``epipolar_px`` (:func:`epipolar_length`).
    """
    K, cam2world = batch["K"].double(), batch["cam2world"].double()
    keypoints = found.keypoints[None].double()
    truth = true_points(keypoints, batch["depth"][None, 0].double(), K[None, 0], limits)
    known = truth.valid[0] & found.valid.bool()
    z, g = found.points[known, 2].double(), truth.points[0, known, 2]
    centres = cam2world[1:, :3, 3] - cam2world[0, :3, 3]
    return {
        "triangulated": float(found.valid.float().mean()),
        "errors": ((z - g).abs() / g).float().cpu().numpy(),
        "baseline_m": float(centres.norm(dim=-1).mean()),
        "epipolar_px": epipolar_length(keypoints[0], K, cam2world, search),
    }


def epipolar_length(
    keypoints: Tensor, K: Tensor, cam2world: Tensor, search: tuple[float, float]
) -> float:
    """Median distance in pixels between a keypoint's nearest and farthest match.

    Args:
        keypoints: (N, 2) pixels of the anchor.
        K: (V, 3, 3) intrinsics.
        cam2world: (V, 4, 4) rigid transforms.
        search: Nearest and farthest depth, metres.

    Returns:
        Over keypoints and views in front of whose camera both ends lie; NaN if none.
    """
    eye = torch.eye(4, dtype=K.dtype, device=K.device)
    world2anchor = invert_rigid(cam2world[1:]) @ cam2world[:1]
    ends, depths = [], []
    for z in search:
        depth = keypoints.new_full(keypoints.shape[:1], z)
        points = unproject_pixels(keypoints, depth, K[0], eye)
        pixels, depth = project(points.expand(len(K) - 1, -1, -1), K[1:], world2anchor)
        ends.append(pixels)
        depths.append(depth)
    lengths = (ends[0] - ends[1]).norm(dim=-1)[(depths[0] > 0) & (depths[1] > 0)]
    return float(lengths.median()) if lengths.numel() else math.nan


def summarise_points(records: Sequence[Mapping[str, Any]]) -> Values:
    """The numbers of a test set.

    Returns:
        ``sparse.abs_rel_median`` and ``sparse.within_5``, the share below 5 %, of the
        errors of all points together; means of the others over the samples that have
        them. NaN where nothing is known.
    """
    errors = np.concatenate([record["errors"] for record in records])
    some = len(errors) > 0
    found = {
        f"sparse.{name}": mean([record[name] for record in records])
        for name in ("triangulated", "baseline_m", "epipolar_px")
    }
    return {
        **found,
        "sparse.abs_rel_median": float(np.median(errors)) if some else math.nan,
        "sparse.within_5": float(np.mean(errors < 0.05)) if some else math.nan,
    }
