"""What one frame's queries are trained towards."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class FrameTargets:
    """Ground truth of one frame for Q queries, G instances, M superpoints, N points.

    The data sample it was made from is never changed.

    Attributes:
        labels: (G,) int64 class of each instance.
        sp_masks: (G, M) bool, superpoints of each instance.
        point_masks: (G, N) bool, points of each instance.
        query_masks: (G, Q) bool, queries whose superpoint lies in each instance.
        semantic: (Q,) int64 class of each query's superpoint, the number of semantic
            classes where it has none.
        boxes: (G, 6) axis-aligned boxes, centre and size in metres, or None.
        query_xyz: (Q, 3) centre of each query's superpoint in metres, or None.
    """

    labels: Tensor
    sp_masks: Tensor
    point_masks: Tensor
    query_masks: Tensor
    semantic: Tensor
    boxes: Tensor | None = None
    query_xyz: Tensor | None = None

    def masks(self, mode: str) -> Tensor:
        """(G, M) masks for mode "SP", (G, N) for mode "P"."""
        return self.sp_masks if mode == "SP" else self.point_masks

    def class_agnostic(self) -> "FrameTargets":
        """The same targets with every instance in class 0."""
        return replace(self, labels=torch.zeros_like(self.labels))


def frame_targets(
    labels: Tensor,
    sp_masks: Tensor,
    instance_ids: Tensor,
    query_ids: Tensor,
    num_semantic_classes: int,
    boxes: Tensor | None = None,
    query_xyz: Tensor | None = None,
) -> FrameTargets:
    """Split the annotation rows of a frame and pick the columns of its queries.

    Args:
        labels: (G + n_sem + 1,) int64; only the first G are instance classes.
        sp_masks: (G + n_sem + 1, M) bool; G instance rows, then one row per semantic
            class, then the row of superpoints without a class.
        instance_ids: (N,) int64 instance of each point, -1 none.
        query_ids: (Q,) int64 superpoint of each query.
        num_semantic_classes: n_sem.
        boxes: (G, 6) or (G, 7) boxes, centre and size in metres.
        query_xyz: (Q, 3) metres.

    Returns:
        The targets; nothing given is modified.
    """
    num_instances = len(sp_masks) - num_semantic_classes - 1
    instance_rows = sp_masks[:num_instances]
    semantic_rows = sp_masks[num_instances:][:, query_ids]
    ids = torch.arange(num_instances, device=instance_ids.device)
    return FrameTargets(
        labels=labels[:num_instances],
        sp_masks=instance_rows,
        point_masks=instance_ids[None] == ids[:, None],
        query_masks=instance_rows[:, query_ids],
        semantic=semantic_rows.to(torch.uint8).argmax(0),
        boxes=None if boxes is None else boxes[:, :6],
        query_xyz=query_xyz,
    )
