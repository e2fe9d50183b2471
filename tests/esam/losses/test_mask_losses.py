"""Batched losses against one pair at a time."""

import torch
from torch.nn import functional

from vantage3d.esam.losses.mask_losses import (
    batch_dice_loss,
    batch_sigmoid_bce_loss,
    dice_loss,
    mask_iou,
)


def pairs():
    generator = torch.Generator().manual_seed(0)
    pred = torch.randn(5, 40, generator=generator) * 20
    return pred, torch.rand(3, 40, generator=generator) > 0.6


def test_batch_bce_is_the_mean_bce_of_each_pair():
    pred, gt = pairs()
    got = batch_sigmoid_bce_loss(pred, gt)
    for i, row in enumerate(pred):
        for j, mask in enumerate(gt.float()):
            expected = functional.binary_cross_entropy_with_logits(row, mask)
            torch.testing.assert_close(got[i, j], expected)


def test_batch_dice_is_the_dice_of_each_pair():
    pred, gt = pairs()
    got = batch_dice_loss(pred, gt)
    for i in range(len(pred)):
        for j in range(len(gt)):
            torch.testing.assert_close(
                got[i, j], dice_loss(pred[i : i + 1], gt[j][None])
            )


def test_iou_of_equal_disjoint_and_empty_masks():
    gt = torch.tensor([[1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 0, 0]]).bool()
    pred = torch.tensor([[1.0, 1, -1, -1], [1, 1, -1, -1], [-1, -1, -1, -1]])
    assert mask_iou(pred, gt).tolist() == [1, 0, 0]
