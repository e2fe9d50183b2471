"""Instance losses, summed over the decoder's heads, and the semantic loss."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from vantage3d.esam.losses.mask_losses import dice_loss, mask_iou
from vantage3d.esam.losses.matcher import FrameTargets
from vantage3d.registry import MODELS, TASK_UTILS

Matches = list[tuple[Tensor, Tensor]]  # per frame: query indices, instance indices

# The published training weighs the dice loss by 4 on top of `loss_weight`.
DICE_FACTOR = 4.0


@MODELS.register_module()
class MixedInstanceCriterion:
    """Classification, mask and (where predicted) mask-score and box losses.

    Every head is matched and scored on its own. Mask losses are averaged over the
    pairs of a frame, then over the frames that have a pair; a batch without any pair
    gives a differentiable zero.

    Args:
        matcher: Config of the matcher.
        loss_weight: Factors of class, mask BCE, mask dice and mask score, and of the
            boxes exactly where ``bbox_loss`` is given.
        num_classes: K instance classes; column K of the class logits is "no object".
        non_object_weight: Weight of "no object" in the class loss.
        bbox_loss: Config of a loss on aligned boxes given as two corners, or None for
            a decoder without boxes.
        legacy: Divide the dice loss of the intermediate heads by the batch size, as
            the published training does, so that its losses can be reproduced. By
            default all heads count the same whatever the batch size.
    """

    def __init__(
        self,
        matcher: dict,
        loss_weight: Sequence[float],
        num_classes: int,
        non_object_weight: float = 0.1,
        bbox_loss: dict | None = None,
        legacy: bool = False,
    ) -> None:
        number = 4 if bbox_loss is None else 5
        if len(loss_weight) != number:
            raise ValueError(
                f"`loss_weight` of {type(self).__name__} must have {number} "
                f"values, got {list(loss_weight)}"
            )
        self.matcher = TASK_UTILS.build(matcher)
        self.loss_weight = tuple(loss_weight)
        self.class_weight = (1.0,) * num_classes + (non_object_weight,)
        self.bbox_loss = None if bbox_loss is None else MODELS.build(bbox_loss)
        self.legacy = legacy

    def __call__(
        self, pred: dict, targets: Sequence[FrameTargets], mask_modes: Sequence[str]
    ) -> Tensor:
        """Total instance loss.

        Args:
            pred: Output of the decoder: per-frame lists ``cls_preds`` (Q, K+1),
                ``masks`` (Q, M or N), ``scores`` (Q, 1) or None, ``bboxes`` (Q, 6) or
                None, and ``aux_outputs``, the same of the intermediate heads.
            targets: One per frame.
            mask_modes: Per head "SP" or "P", intermediate heads first.
        """
        heads = [*pred["aux_outputs"], pred]
        losses = [
            self.head_loss(head, targets, mode, is_aux=head is not pred)
            for head, mode in zip(heads, mask_modes, strict=True)
        ]
        return torch.stack(losses).sum()

    def head_loss(
        self, head: dict, targets: Sequence[FrameTargets], mode: str, is_aux: bool
    ) -> Tensor:
        """Loss of one head; see :meth:`__call__`."""
        matches = [
            self.matcher(cls, masks, t.labels, t.masks(mode), t.query_masks)
            for cls, masks, t in zip(head["cls_preds"], head["masks"], targets)
        ]
        terms = self.terms(head, targets, matches, mode)
        if self.legacy and is_aux:
            terms["dice"] = terms["dice"] / len(targets)
        return torch.stack(list(terms.values())).sum()

    def terms(
        self, head: dict, targets: Sequence[FrameTargets], matches: Matches, mode: str
    ) -> dict[str, Tensor]:
        """Weighted losses of one head by name."""
        weight_cls, weight_bce, weight_dice, weight_score = self.loss_weight[:4]
        bce, dice = self.mask_losses(head["masks"], targets, matches, mode)
        terms = {
            "cls": weight_cls * self.class_loss(head["cls_preds"], targets, matches),
            "bce": weight_bce * bce,
            "dice": weight_dice * DICE_FACTOR * dice,
        }
        if head["scores"] is not None:
            score = self.score_loss(head, targets, matches, mode)
            terms["score"] = weight_score * score
        if self.bbox_loss is not None and head["bboxes"] is not None:
            boxes = self.box_loss(head["bboxes"], targets, matches)
            terms["bbox"] = self.loss_weight[4] * boxes
        return terms

    def class_loss(
        self,
        cls_preds: Sequence[Tensor],
        targets: Sequence[FrameTargets],
        matches: Matches,
    ) -> Tensor:
        """Weighted cross-entropy over all queries, mean over frames."""
        weight = cls_preds[0].new_tensor(self.class_weight, dtype=torch.float32)
        losses = []
        for cls, target, (queries, instances) in zip(cls_preds, targets, matches):
            classes = target.labels.new_full((len(cls),), len(self.class_weight) - 1)
            classes[queries] = target.labels[instances]
            losses.append(functional.cross_entropy(cls.float(), classes, weight))
        return torch.stack(losses).mean()

    def mask_losses(
        self,
        masks: Sequence[Tensor],
        targets: Sequence[FrameTargets],
        matches: Matches,
        mode: str,
    ) -> tuple[Tensor, Tensor]:
        """BCE and dice of the matched masks, mean over the frames with a match."""
        bce, dice = [], []
        for pred, target, (queries, instances) in zip(masks, targets, matches):
            if len(queries) == 0:
                continue
            logits = pred[queries].float()
            truth = target.masks(mode)[instances].float()
            bce.append(functional.binary_cross_entropy_with_logits(logits, truth))
            dice.append(dice_loss(logits, truth))
        return mean_or_zero(bce, masks), mean_or_zero(dice, masks)

    def score_loss(
        self,
        head: dict,
        targets: Sequence[FrameTargets],
        matches: Matches,
        mode: str,
    ) -> Tensor:
        """Squared error of the predicted mask IoU, over matches with IoU above 0.5."""
        losses = []
        preds = zip(head["masks"], head["scores"], targets, matches)
        for masks, scores, target, (queries, instances) in preds:
            iou = mask_iou(masks[queries], target.masks(mode)[instances])
            good = iou > 0.5
            if good.any():
                predicted = scores[queries][good, 0].float()
                losses.append(functional.mse_loss(predicted, iou[good]))
        return mean_or_zero(losses, head["scores"])

    def box_loss(
        self,
        bboxes: Sequence[Tensor],
        targets: Sequence[FrameTargets],
        matches: Matches,
    ) -> Tensor:
        """Loss of the matched boxes, mean over the frames with a match.

        Boxes (Q, 6) are the offset from the query's superpoint and the size in metres.
        """
        losses = []
        for pred, target, (queries, instances) in zip(bboxes, targets, matches):
            if len(queries) == 0:
                continue
            centre = target.query_xyz[queries] + pred[queries, :3].float()
            predicted = corners(centre, pred[queries, 3:].float())
            truth = target.boxes[instances].float()
            losses.append(
                self.bbox_loss(predicted, corners(truth[:, :3], truth[:, 3:]))
            )
        return mean_or_zero(losses, bboxes)


def corners(centre: Tensor, size: Tensor) -> Tensor:
    """(M, 6) smallest and largest corner of boxes with centre and size (M, 3)."""
    return torch.cat([centre - size / 2, centre + size / 2], dim=1)


def mean_or_zero(losses: list[Tensor], anchors: Sequence[Tensor]) -> Tensor:
    """Mean of the losses; without any, a zero that still reaches ``anchors``."""
    if losses:
        return torch.stack(losses).mean()
    return sum(anchor.float().sum() for anchor in anchors) * 0.0


@MODELS.register_module()
class ScanNetSemanticCriterion:
    """Cross-entropy of each query against the class of its superpoint.

    Args:
        ignore_index: Target value that takes no part (the number of classes).
        loss_weight: Factor of the loss.
    """

    def __init__(self, ignore_index: int, loss_weight: float) -> None:
        self.ignore_index = ignore_index
        self.loss_weight = loss_weight

    def __call__(self, preds: Sequence[Tensor], targets: Sequence[Tensor]) -> Tensor:
        """Mean over the frames that have a labelled query, a differentiable 0 for none.

        Args:
            preds: Per frame (Q, n_sem + 1) logits; the last column is not trained.
            targets: Per frame (Q,) int64 classes.
        """
        losses = [
            functional.cross_entropy(
                pred[:, :-1].float(), target, ignore_index=self.ignore_index
            )
            for pred, target in zip(preds, targets)
            if (target != self.ignore_index).any()
        ]
        if not losses:
            return sum(pred.sum() for pred in preds) * 0.0
        return self.loss_weight * torch.stack(losses).mean()


@MODELS.register_module()
class ScanNetMixedCriterion:
    """Instance losses of every head and the semantic loss of the last one.

    With one instance class (class-agnostic) every instance takes part as class 0.

    Args:
        num_semantic_classes: n_sem; targets are split by it.
        sem_criterion: Config of the semantic criterion.
        inst_criterion: Config of the instance criterion.
    """

    def __init__(
        self, num_semantic_classes: int, sem_criterion: dict, inst_criterion: dict
    ) -> None:
        self.num_semantic_classes = num_semantic_classes
        self.sem_criterion = MODELS.build(sem_criterion)
        self.inst_criterion = MODELS.build(inst_criterion)

    def __call__(
        self, pred: dict, targets: Sequence[FrameTargets], mask_modes: Sequence[str]
    ) -> dict[str, Tensor]:
        """``inst_loss`` and ``seg_loss`` of a batch, differentiable scalars.

        Arguments are those of :class:`MixedInstanceCriterion`.
        """
        if pred["cls_preds"][0].shape[1] == 2:
            targets = [target.class_agnostic() for target in targets]
        semantic = [target.semantic for target in targets]
        return {
            "inst_loss": self.inst_criterion(pred, targets, mask_modes),
            "seg_loss": self.sem_criterion(pred["sem_preds"], semantic),
        }
