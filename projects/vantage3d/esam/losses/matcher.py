"""Assignment of queries to ground-truth instances."""

from collections.abc import Sequence

import torch
from torch import Tensor

from vantage3d.esam.losses.mask_losses import batch_dice_loss, batch_sigmoid_bce_loss
from vantage3d.registry import TASK_UTILS


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
        """Summed costs of every pair.

        Args:
            cls: (Q, K+1) class logits.
            masks: (Q, N) mask logits.
            labels: (G,) int64 classes.
            gt: (G, N) bool masks.

        Returns:
            (Q, G) costs.
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
