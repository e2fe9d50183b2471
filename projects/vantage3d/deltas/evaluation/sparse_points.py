"""Are triangulated points worth anything? Their errors, beside those of chance.

The share of keypoints that are triangulated tells nothing: a network that has learned
nothing answers some place on every segment, and two rays always meet somewhere. So
beside the errors stand what the same triangulation makes of the centre of every
segment, which a softmax over equal scores answers, and of a random place on it; the
share that is right of *all* keypoints; and the dense depth at the same pixels, which
must not be better than the points that it was made from.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vantage3d.deltas.correspondences import nearest, true_points
from vantage3d.evaluation.results.folder import mean
from vantage3d.geometry import invert_rigid, project
from vantage3d.geometry.cameras import unproject_pixels

Array = NDArray[np.float32]
Values = dict[str, float]
CLOSE = 0.05  # relative error of a point that is right
CHANCE = ("centre", "random")  # places on a segment
SPARSE = ("sparse.triangulated", "sparse.abs_rel_median", "sparse.within_5",
          "sparse.within_5_of_all", "sparse.dense_abs_rel_median",
          *(f"sparse.chance.{name}.within_5_of_all" for name in CHANCE),
          "sparse.baseline_m", "sparse.epipolar_px")  # fmt: skip
# How many times as many points as by chance must be right, and how many times as far
# off as the dense depth they may be, before a report says so. docs/deltas.md has what
# trained and untrained networks reach.
MORE_THAN_CHANCE = 3.0
FARTHER_THAN_DENSE = 1.5


class Triangulated(NamedTuple):
    """Keypoints of one anchor, tensors or arrays.

    Attributes:
        keypoints: (N, 2) pixels of the anchor.
        points: (N, 3) metres, camera frame of the anchor.
        valid: (N,) bool, whether they were triangulated.
    """

    keypoints: Any
    points: Any
    valid: Any

    @property
    def z(self) -> Tensor:
        """(N,) float64 metres, NaN where not triangulated."""
        points, valid = torch.as_tensor(self.points), torch.as_tensor(self.valid)
        return torch.where(valid.bool(), points[:, 2].double(), math.nan)


@dataclass(frozen=True)
class JudgedPoints:
    """One anchor's keypoints that have true depth, in range.

    Attributes:
        pixels: (M, 2).
        truth: (M,) metres.
        found: (M,) metres, NaN where not triangulated.
        dense: (M,) metres, the dense depth at their pixels.
        chance: (M,) metres by each of :data:`CHANCE`, NaN where not triangulated; empty
            where the network says nothing of segments.
    """

    pixels: Array
    truth: Array
    found: Array
    dense: Array
    chance: Mapping[str, Array]


def judge_points(
    found: Triangulated,
    dense: Tensor,
    chance: Mapping[str, Triangulated],
    batch: Mapping[str, Tensor],
    limits: tuple[float, float],
) -> JudgedPoints:
    """Points beside the truth.

    Args:
        found: What the network triangulated.
        dense: (H, W) its dense depth, metres.
        chance: The same keypoints by each of :data:`CHANCE`; may be empty.
        batch: ``depth`` (V, H, W), ``K`` (V, 3, 3).
        limits: True depth that is evaluated, metres.
    """
    keypoints = torch.as_tensor(found.keypoints)[None].double()
    depth = batch["depth"][None, 0].double()
    truth = true_points(keypoints, depth, batch["K"][None, 0].double(), limits)
    known = truth.valid[0]
    at, _ = nearest(dense[None, None].double(), keypoints[:, None])
    others = (one.z for one in chance.values())
    values = keypoints[0], truth.points[0, :, 2], found.z, at[0, 0], *others
    kept = [x[known].float().cpu().numpy() for x in values]
    return JudgedPoints(*kept[:4], dict(zip(chance, kept[4:])))


def summarise_points(judged: Sequence[JudgedPoints]) -> Values:
    """The errors of a test set, over the keypoints of all anchors together.

    NaN where nothing is known. The share that was triangulated is not among them: it is
    of keypoints without true depth too.
    """
    truth, found, dense = (
        np.concatenate([getattr(one, name) for one in judged])
        for name in ("truth", "found", "dense")
    )
    values = {
        f"sparse.{name}": value for name, value in point_errors(found, truth).items()
    }
    values["sparse.dense_abs_rel_median"] = point_errors(
        np.where(np.isnan(found), np.nan, dense), truth
    )["abs_rel_median"]
    for name in CHANCE:
        others = [
            one.chance.get(name, np.full_like(one.truth, np.nan)) for one in judged
        ]
        known = all(name in one.chance for one in judged)
        for key, value in point_errors(np.concatenate(others), truth).items():
            values[f"sparse.chance.{name}.{key}"] = value if known else math.nan
    return values


def point_errors(found: Array, truth: Array) -> Values:
    """Errors of (M,) depths, NaN where there is none, of (M,) true ones.

    Returns:
        ``abs_rel_median`` and ``within_5``, the share below 5 %, of those that there
        are; ``within_5_of_all``, the share of all that are there and below 5 %.
    """
    errors = np.abs(found.astype(np.float64) - truth) / truth
    there = errors[~np.isnan(errors)]
    some, close = len(there) > 0, int((there < CLOSE).sum())
    return {
        "abs_rel_median": float(np.median(there)) if some else math.nan,
        "within_5": close / len(there) if some else math.nan,
        "within_5_of_all": close / len(truth) if len(truth) else math.nan,
    }


def doubts(metrics: Mapping[str, float]) -> list[str]:
    """Why the points of a test set are worth nothing; empty if they are.

    Args:
        metrics: With the keys of :data:`SPARSE`.
    """
    if not metrics["sparse.triangulated"]:
        return [
            "no keypoint was triangulated: the dense depth is a guess from one image, "
            "and nothing that concerns the views (their spacing, number, poses) can "
            "change it. Look at poses, intrinsics and baselines"
        ]
    notes = []
    right = metrics["sparse.within_5_of_all"]
    best = by_chance(metrics)
    if right < MORE_THAN_CHANCE * best:
        notes.append(
            f"{right:.1%} of the keypoints are within 5 % of the truth, by chance "
            f"{best:.1%} are: the matches are hardly better than any place on the "
            "segments. The network is untrained, or poses, intrinsics or the spacing "
            "of the views are wrong"
        )
    off, dense = (metrics[f"sparse.{k}abs_rel_median"] for k in ("", "dense_"))
    if off > FARTHER_THAN_DENSE * dense:
        notes.append(
            f"triangulated points are {off:.1%} off at the median, the dense depth at "
            f"their pixels {dense:.1%}: it was not made from them"
        )
    return notes


def by_chance(metrics: Mapping[str, float]) -> float:
    """The larger share of all keypoints that chance has within 5 %; NaN if unknown."""
    keys = (f"sparse.chance.{name}.within_5_of_all" for name in CHANCE)
    return max(metrics.get(key, math.nan) for key in keys)


def view_geometry(
    keypoints: Tensor, batch: Mapping[str, Tensor], search: tuple[float, float]
) -> Values:
    """``baseline_m``, mean distance of the views to the anchor, and ``epipolar_px``.

    Args:
        keypoints: (N, 2) pixels of the anchor.
        batch: ``K`` (V, 3, 3), ``cam2world`` (V, 4, 4).
        search: Range of depth in which matches were searched, metres.
    """
    K, cam2world = batch["K"].double(), batch["cam2world"].double()
    centres = cam2world[1:, :3, 3] - cam2world[0, :3, 3]
    return {
        "baseline_m": float(centres.norm(dim=-1).mean()),
        "epipolar_px": epipolar_length(keypoints.double(), K, cam2world, search),
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


def summarise_geometry(records: Sequence[Mapping[str, float]]) -> Values:
    """Means over the samples that have them, of shares, baselines and segments."""
    return {
        f"sparse.{name}": mean([record[name] for record in records])
        for name in ("triangulated", "baseline_m", "epipolar_px")
    }
