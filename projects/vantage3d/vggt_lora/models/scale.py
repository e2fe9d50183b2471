"""From the model's units to metres, where something metric is known."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from vantage3d.checks import check_shape
from vantage3d.evaluation.depth_alignment import fit_depth
from vantage3d.evaluation.depth_metrics import usable
from vantage3d.evaluation.trajectory_alignment import stands_still, umeyama
from vantage3d.geometry import invert_rigid
from vantage3d.geometry.pose_encoding import decode_pose

SPARSE_DEPTH, POSES, NONE = "sparse_depth", "poses", "none"


class DepthPrediction(NamedTuple):
    """Depth of a batch.

    Attributes:
        depth: (B, S, H, W) z-depth, metres where ``scale_source`` is not "none".
        scale: (B,) metres per unit of the model; 1 where nothing tells.
        scale_source: Per sample what the scale was fitted to: "sparse_depth", "poses",
            or "none" for depth in the model's own units.
    """

    depth: Tensor
    scale: Tensor
    scale_source: list[str]


def predict_depth(
    outputs: Mapping[str, Any],
    world2cam: Tensor | None = None,
    sparse_depth: Tensor | None = None,
    min_pixels: int = 10,
    min_baseline: float = 0.1,
) -> DepthPrediction:
    """Depth in metres if sparse depth or known poses tell the scale.

    One scale per sample: all its frames share the model's unit. Sparse depth is asked
    first; it measures what is wanted. Poses give the scale of the similarity that moves
    the predicted camera centres onto the known ones.

    Args:
        outputs: Of :class:`VGGT`: ``depth`` (B, S, H, W, 1), and ``pose_enc``
            (B, S, 9) if ``world2cam`` is given.
        world2cam: (B, S, 4, 4) known poses in metres, any world.
        sparse_depth: (B, S, H, W) known z-depth in metres, 0 = missing.
        min_pixels: Known pixels that a sample needs for a fit to them.
        min_baseline: Metres that the farthest two known cameras must be apart along
            some axis; below, errors of the poses would decide the scale.

    Returns:
        Depth, scale, and where the scale came from.

    Raises:
        ValueError: If shapes disagree.
    """
    depth = outputs["depth"].squeeze(-1).float()
    dims = check_shape("depth", depth, "B S H W")
    if world2cam is not None:
        check_shape("world2cam", world2cam, "B S 4 4", dims=dims)
    if sparse_depth is not None:
        check_shape("sparse_depth", sparse_depth, "B S H W", dims=dims)
    fits: list[tuple[float, str]] = []
    for i in range(len(depth)):
        scale, source = None, NONE
        if sparse_depth is not None:
            source = SPARSE_DEPTH
            scale = scale_from_depth(depth[i], sparse_depth[i], min_pixels)
        if scale is None and world2cam is not None:
            source = POSES
            scale = scale_from_poses(outputs["pose_enc"][i], world2cam[i], min_baseline)
        fits.append((1.0, NONE) if scale is None else (scale, source))
    scales = torch.tensor([scale for scale, _ in fits], device=depth.device)
    sources = [source for _, source in fits]
    return DepthPrediction(depth * scales[:, None, None, None], scales, sources)


def scale_from_depth(depth: Tensor, known: Tensor, min_pixels: int) -> float | None:
    """Metres per unit by robust agreement with known depth.

    Args:
        depth: (S, H, W) predicted depth.
        known: (S, H, W) metres, 0 = missing.
        min_pixels: Fewer known pixels give None.
    """
    pred, truth = (x.detach().cpu().double().numpy() for x in (depth, known))
    mask = usable(truth) & usable(pred)
    if mask.sum() < min_pixels:
        return None
    return fit_depth(pred, truth, mask, "robust").scale


def scale_from_poses(
    pose_enc: Tensor, world2cam: Tensor, min_baseline: float
) -> float | None:
    """Metres per unit by the similarity of the camera centres.

    Args:
        pose_enc: (S, 9) predicted encodings.
        world2cam: (S, 4, 4) known poses, metres.
        min_baseline: Metres; None is returned if the known cameras are closer, or the
            predicted ones coincide or are not finite.
    """
    # centres do not depend on the image size
    predicted = decode_pose(pose_enc.detach().cpu().double(), (1, 1))[0]
    known = world2cam.detach().cpu().double()
    source, target = (invert_rigid(x)[:, :3, 3].numpy() for x in (predicted, known))
    moves = np.ptp(target, axis=0).max() >= min_baseline
    if not moves or not np.isfinite(source).all() or stands_still(source):
        return None
    scale = umeyama(source, target).scale
    return scale if scale > 0 else None
