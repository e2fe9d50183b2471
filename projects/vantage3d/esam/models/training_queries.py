"""Which superpoints of a frame are queries in training, and what they should find."""

import math

import torch
from mmdet3d.structures import Det3DDataSample
from torch import Tensor

from vantage3d.esam.losses import FrameTargets, frame_targets


def select_queries(sp_feats: Tensor, smallest: float) -> Tensor:
    """Random superpoints; drawn from torch's CPU generator, which resumes.

    Args:
        sp_feats: (M, C) features of the superpoints.
        smallest: Smallest share of them; the share is drawn between this and 1.

    Returns:
        (Q,) int64, different ones.
    """
    number = len(sp_feats)
    share = smallest + (1 - smallest) * float(torch.rand(1))
    ids = torch.randperm(number)[: math.ceil(share * number)]
    return ids.to(sp_feats.device)


def query_targets(
    sample: Det3DDataSample,
    query_ids: Tensor,
    sp_xyz: Tensor,
    num_semantic_classes: int,
) -> FrameTargets:
    """What the queries of a frame are trained towards.

    Args:
        sample: The frame's ground truth, which stays as it is.
        query_ids: (Q,) int64 superpoint of each query.
        sp_xyz: (M, 3) centre of each superpoint in metres.
        num_semantic_classes: Of the criterion.
    """
    instances = sample.gt_instances_3d
    return frame_targets(
        instances.labels_3d,
        instances.sp_masks,
        sample.gt_pts_seg.pts_instance_mask,
        query_ids,
        num_semantic_classes,
        boxes=instances.get("bboxes_3d"),
        query_xyz=sp_xyz[query_ids],
    )
