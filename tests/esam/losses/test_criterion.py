"""Criteria: empty frames, weights, optional terms."""

import pytest
import torch
from torch.nn import functional

from tests.esam.losses.test_matcher import COSTS
from vantage3d.esam.losses import (
    MixedInstanceCriterion,
    ScanNetSemanticCriterion,
    frame_targets,
)
from vantage3d.esam.losses.mask_losses import dice_loss

MATCHER = {"type": "SparseMatcher", "costs": COSTS, "topk": 1}
BBOX = {"type": "AxisAlignedIoULoss"}


def criterion(**changes):
    config = {
        "matcher": MATCHER,
        "loss_weight": [0.5, 1.0, 1.0, 0.5],
        "num_classes": 2,
    }
    return MixedInstanceCriterion(**{**config, **changes})


def targets(instance_of_superpoint=(0, 0, 1, -1), boxes=None):
    """Frame with a query per superpoint and two points in each; 1 semantic class."""
    owner = torch.tensor(instance_of_superpoint)
    count = int(owner.max()) + 1
    masks = torch.zeros(count + 2, len(owner), dtype=torch.bool)
    masks[:count] = owner[None] == torch.arange(count)[:, None]
    labels = torch.tensor([1] * count + [0, 0])
    return frame_targets(
        labels,
        masks,
        owner.repeat_interleave(2),
        torch.arange(len(owner)),
        1,
        boxes=boxes,
        query_xyz=torch.zeros(len(owner), 3),
    )


def head(frames=1, width=4, seed=0, **more) -> dict:
    generator = torch.Generator().manual_seed(seed)

    def logits(*shape):
        made = [torch.randn(shape, generator=generator) for _ in range(frames)]
        return [x.requires_grad_() for x in made]

    out = {"cls_preds": logits(4, 3), "masks": logits(4, width)}
    return {**out, "scores": None, "bboxes": None, "aux_outputs": [], **more}


def test_targets_are_split_into_instances_classes_and_queries():
    sp_masks = torch.tensor(
        [[1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 0, 1]]
    ).bool()
    labels = torch.tensor([7, 5, 0, 0, 0])
    ids = torch.tensor([0, 0, 1, -1])
    got = frame_targets(labels, sp_masks, ids, torch.tensor([2, 0]), 2)
    assert got.labels.tolist() == [7, 5]
    assert got.point_masks.tolist() == [
        [True, True, False, False],
        [False, False, True, False],
    ]
    assert got.query_masks.tolist() == [[False, True], [False, False]]
    assert got.semantic.tolist() == [2, 1]
    assert got.class_agnostic().labels.tolist() == [0, 0]


def test_all_empty_batch_gives_a_differentiable_loss_without_mask_terms():
    pred = head(frames=2)
    empty = targets((-1, -1, -1, -1))
    loss = criterion()(pred, [empty, empty], ["SP"])
    expected = sum(
        functional.cross_entropy(cls, torch.full((4,), 2)) for cls in pred["cls_preds"]
    )
    torch.testing.assert_close(loss, 0.5 * expected / 2)
    loss.backward()
    assert all(mask.grad.abs().sum() == 0 for mask in pred["masks"])


def test_empty_frame_leaves_the_mask_loss_of_the_other_unchanged():
    pred = head(frames=2)
    alone = {**pred, **{k: pred[k][:1] for k in ("cls_preds", "masks")}}
    instances = criterion(loss_weight=[0.0, 1.0, 1.0, 0.0])
    both = instances(pred, [targets(), targets((-1,) * 4)], ["SP"])
    torch.testing.assert_close(both, instances(alone, [targets()], ["SP"]))


def test_one_head_is_the_weighted_sum_of_its_terms():
    pred = head(width=8)
    target = targets()
    instances = criterion(loss_weight=[2.0, 3.0, 5.0, 0.0])
    queries, ids = instances.matcher(
        pred["cls_preds"][0],
        pred["masks"][0],
        target.labels,
        target.point_masks,
        target.query_masks,
    )
    logits, truth = pred["masks"][0][queries], target.point_masks[ids].float()
    classes = torch.full((4,), 2)
    classes[queries] = target.labels[ids]
    weight = torch.tensor([1, 1, 0.1])
    expected = (
        2 * functional.cross_entropy(pred["cls_preds"][0], classes, weight)
        + 3 * functional.binary_cross_entropy_with_logits(logits, truth)
        + 5 * 4 * dice_loss(logits, truth)
    )
    torch.testing.assert_close(instances(pred, [target], ["P"]), expected)


def test_legacy_divides_the_dice_of_early_heads_by_the_batch_size():
    pred = head(frames=2)
    pred["aux_outputs"] = [head(frames=2, seed=1)]
    frames = [targets(), targets((0, 1, 1, -1))]
    only_dice = [0.0, 0.0, 1.0, 0.0]
    final = criterion(loss_weight=only_dice)(
        {**pred, "aux_outputs": []}, frames, ["SP"]
    )
    new = criterion(loss_weight=only_dice)(pred, frames, ["SP", "SP"])
    old = criterion(loss_weight=only_dice, legacy=True)(pred, frames, ["SP", "SP"])
    torch.testing.assert_close(old - final, (new - final) / 2)


def test_score_is_trained_where_the_mask_is_good():
    target = targets()
    masks = [torch.where(target.sp_masks[[0, 0, 1, 1]], 5.0, -5.0)]
    scores = [torch.tensor([[0.5], [0.5], [0.2], [9.0]])]
    pred = head(masks=masks, scores=scores)
    pred["cls_preds"] = [torch.zeros(4, 3)]
    loss = criterion(loss_weight=[0.0, 0.0, 0.0, 1.0])(pred, [target], ["SP"])
    torch.testing.assert_close(loss, torch.tensor((0.5**2 + 0.8**2) / 2))


def test_box_loss_is_one_minus_the_overlap():
    boxes = torch.tensor([[0.0, 0, 0, 2, 2, 2, 0], [1, 0, 0, 2, 2, 2, 0]])
    pred = head(bboxes=[torch.tensor([[0.0, 0, 0, 2, 2, 2]] * 4)])
    instances = criterion(bbox_loss=BBOX, loss_weight=[0.0, 0, 0, 0, 1])
    loss = instances(pred, [targets(boxes=boxes)], ["SP"])
    torch.testing.assert_close(loss, torch.tensor((0 + 2 / 3) / 2))


def test_class_aware_without_box_loss_takes_four_weights():
    loss = criterion()(head(), [targets()], ["SP"])
    assert loss.isfinite()


@pytest.mark.parametrize(("changes", "number"), [({}, 4), ({"bbox_loss": BBOX}, 5)])
def test_wrong_number_of_weights(changes, number):
    with pytest.raises(
        ValueError, match=rf"must have {number} values, got \[1.0, 2.0\]"
    ):
        criterion(loss_weight=[1.0, 2.0], **changes)


def test_semantic_loss_skips_unlabelled_queries_and_frames():
    logits = torch.randn(3, 5, requires_grad=True)
    semantic = ScanNetSemanticCriterion(ignore_index=4, loss_weight=0.5)
    target = torch.tensor([1, 4, 3])
    expected = 0.5 * functional.cross_entropy(logits[[0, 2], :4], target[[0, 2]])
    torch.testing.assert_close(semantic([logits], [target]), expected)
    nothing = torch.full((3,), 4)
    both = semantic([logits, logits], [target, nothing])
    torch.testing.assert_close(both, expected)
    empty = semantic([logits], [nothing])
    empty.backward()
    assert empty == 0
    assert logits.grad.abs().sum() == 0
