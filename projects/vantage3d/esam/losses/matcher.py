"""What a frame's queries are trained towards, and which of them match what."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from vantage3d.esam.losses.mask_losses import batch_dice_loss, batch_sigmoid_bce_loss
from vantage3d.registry import TASK_UTILS


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

    Nothing given is modified.

    Args:
        labels: (G + n_sem + 1,) int64; only the first G are instance classes.
        sp_masks: (G + n_sem + 1, M) bool; G instance rows, then one row per semantic
            class, then the row of superpoints without a class.
        instance_ids: (N,) int64 instance of each point, -1 none.
        query_ids: (Q,) int64 superpoint of each query.
        num_semantic_classes: n_sem.
        boxes: (G, 6) or (G, 7) boxes, centre and size in metres; rows behind them, as
            of the masks, do not count.
        query_xyz: (Q, 3) metres.
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
        boxes=None if boxes is None else boxes[:num_instances, :6],
        query_xyz=query_xyz,
    )


class _Cost:
    def __init__(self, weight: float) -> None:
        self.weight = weight


@TASK_UTILS.register_module()
class QueryClassificationCost(_Cost):
    """Minus the probability that the query gives the instance's class."""

    def __call__(
        self, cls: Tensor, masks: Tensor, labels: Tensor, gt: Tensor
    ) -> Tensor:
        """(Q, G) from class logits (Q, K+1) and labels (G,)."""
        return -self.weight * cls.softmax(-1)[:, labels]


@TASK_UTILS.register_module()
class MaskBCECost(_Cost):
    """Mean binary cross-entropy between masks."""

    def __call__(
        self, cls: Tensor, masks: Tensor, labels: Tensor, gt: Tensor
    ) -> Tensor:
        """(Q, G) from mask logits (Q, N) and masks (G, N)."""
        return self.weight * batch_sigmoid_bce_loss(masks, gt)


@TASK_UTILS.register_module()
class MaskDiceCost(_Cost):
    """Dice loss between masks."""

    def __call__(
        self, cls: Tensor, masks: Tensor, labels: Tensor, gt: Tensor
    ) -> Tensor:
        """(Q, G) from mask logits (Q, N) and masks (G, N)."""
        return self.weight * batch_dice_loss(masks, gt)


@TASK_UTILS.register_module()
class SparseMatcher:
    """Gives each instance its ``topk`` cheapest queries among those inside it.

    A query lies inside an instance when its superpoint does; others cannot match, so
    costs are computed only for queries inside some instance. A query inside several
    instances may match all of them; an instance without a query inside gets none.

    Args:
        costs: Configs of the costs that are summed.
        topk: Queries per instance.
        legacy: Reproduce the published rule "strictly cheaper than the (topk+1)-th",
            under which queries that tie at that place all lose. By default the query
            with the lower index wins.
    """

    def __init__(self, costs: Sequence[dict], topk: int, legacy: bool = False) -> None:
        self.costs = [TASK_UTILS.build(cost) for cost in costs]
        self.topk = topk
        self.legacy = legacy

    def cost(self, cls: Tensor, masks: Tensor, labels: Tensor, gt: Tensor) -> Tensor:
        """(Q, G) summed costs of every pair.

        Args:
            cls: (Q, K+1) class logits.
            masks: (Q, N) mask logits.
            labels: (G,) int64 classes.
            gt: (G, N) bool masks.
        """
        return sum(cost(cls, masks, labels, gt) for cost in self.costs)

    @torch.no_grad()
    def __call__(
        self, cls: Tensor, masks: Tensor, labels: Tensor, gt: Tensor, inside: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Match one frame; arguments as in :meth:`cost`.

        Args:
            inside: (G, Q) bool, query lies in the instance.

        Returns:
            (P,) query indices in ascending order and (P,) their instance indices.
        """
        queries = inside.any(0).nonzero()[:, 0]
        instances = inside.any(1).nonzero()[:, 0]
        if len(queries) == 0:
            return queries, instances
        cost = self.cost(
            cls[queries].float(),
            masks[queries].float(),
            labels[instances],
            gt[instances],
        )
        cost[~inside[instances][:, queries].T] = torch.inf
        matched = self._cheapest(cost) & cost.isfinite()
        rows, columns = matched.nonzero(as_tuple=True)
        return queries[rows], instances[columns]

    def _cheapest(self, cost: Tensor) -> Tensor:
        """(Q, G) bool: the ``topk`` smallest of each column."""
        if self.legacy:
            if len(cost) <= self.topk:
                return torch.ones_like(cost, dtype=torch.bool)
            return cost < cost.kthvalue(self.topk + 1, dim=0).values
        order = cost.argsort(dim=0, stable=True)[: self.topk]
        return torch.zeros_like(cost, dtype=torch.bool).scatter_(0, order, True)
