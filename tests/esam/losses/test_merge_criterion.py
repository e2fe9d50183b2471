"""The contrast of instances between frames, against sums written out."""

import math

import pytest
import torch

from vantage3d.esam.losses import ScanNetMergeCriterion_Fast

EYE = torch.eye(3)


def rows(*queries: list[int], number: int = 4) -> torch.Tensor:
    """(G, Q) bool from the queries of each instance."""
    inside = torch.zeros(len(queries), number, dtype=torch.bool)
    for row, own in zip(inside, queries):
        row[own] = True
    return inside


def test_the_loss_is_that_of_the_sums():
    """Two shared instances; the third is in one frame alone and takes no part."""
    first = torch.stack([EYE[0], EYE[0], EYE[1], EYE[2]])
    second = torch.stack([EYE[0], EYE[1], EYE[1], EYE[2]])
    inside = [rows([0, 1], [2], [3]), rows([0, 1], [2], [])]
    criterion = ScanNetMergeCriterion_Fast(tmp_weight=3.0, temperature=0.5)
    loss = criterion([[first], [second]], [[one] for one in inside])
    # means: (1,0), (0,1) and (1/2,1/2), (0,1) on the first two axes
    logits = torch.tensor([[0.5, 0.0], [0.5, 1.0]]) / 0.5
    total = 0.0
    for table in (logits, logits.T):
        for place, row in enumerate(table.tolist()):
            total -= math.log(math.exp(row[place]) / sum(map(math.exp, row)))
    assert loss["merge_loss_tmp"].item() == pytest.approx(3 * total / 4, rel=1e-6)


def test_scenes_and_pairs_of_frames_count_the_same():
    criterion = ScanNetMergeCriterion_Fast()
    feats = torch.nn.functional.normalize(torch.randn(3, 4, 5), dim=-1)
    inside = [rows([0], [1, 2]), rows([3], [1]), rows([2], [0])]
    both = criterion(
        [[feats[0], feats[1]], [feats[1], feats[2]]],
        [[inside[0], inside[1]], [inside[1], inside[2]]],
    )
    chain = criterion([[f] for f in feats], [[one] for one in inside])
    torch.testing.assert_close(both, chain)


def test_without_a_shared_instance_there_is_a_gradient_of_zero():
    feats = torch.randn(2, 4, 5, requires_grad=True)
    inside = [[rows([0], [])], [rows([], [1])]]
    loss = ScanNetMergeCriterion_Fast()([[feats[0]], [feats[1]]], inside)
    loss["merge_loss_tmp"].backward()
    assert loss["merge_loss_tmp"] == 0
    assert (feats.grad == 0).all()
