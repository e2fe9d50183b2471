"""Matrix NMS against loops over pairs."""

import math

import pytest
import torch

from vantage3d.esam.models import mask_matrix_nms


def naive(masks, labels, scores, kernel, sigma=2.0):
    """Equations 4 and 5 of SOLOv2 for each mask in turn."""
    order = sorted(range(len(scores)), key=lambda i: -scores[i])

    def iou(i, j):
        if labels[i] != labels[j]:
            return 0.0
        inter = float(masks[i] @ masks[j])
        return inter / (float(masks[i].sum() + masks[j].sum()) - inter)

    def decay(x):
        return math.exp(-sigma * x * x) if kernel == "gaussian" else 1 - x

    decayed = {}
    for rank, j in enumerate(order):
        factors = [1.0]
        for above, i in enumerate(order[:rank]):
            worst = max([iou(k, i) for k in order[:above]], default=0.0)
            factors.append(decay(iou(i, j)) / decay(worst))
        decayed[j] = scores[j] * min(factors)
    return sorted(decayed.items(), key=lambda pair: -pair[1])


@pytest.mark.parametrize("kernel", ["linear", "gaussian"])
def test_equals_the_definition(kernel):
    generator = torch.Generator().manual_seed(3)
    masks = torch.rand(12, 20, generator=generator)
    labels = torch.randint(0, 3, (12,), generator=generator)
    scores = torch.rand(12, generator=generator)
    got, keep = mask_matrix_nms(masks, labels, scores, kernel)
    expected = naive(masks, labels.tolist(), scores.tolist(), kernel)
    assert keep.tolist() == [i for i, _ in expected]
    torch.testing.assert_close(got, torch.tensor([score for _, score in expected]))


def test_copies_of_a_mask_end_at_zero():
    masks = torch.tensor([[1.0, 1, 0], [1, 1, 0], [1, 1, 0], [0, 0, 1]])
    scores = torch.tensor([0.9, 0.8, 0.7, 0.1])
    got, keep = mask_matrix_nms(masks, torch.zeros(4).long(), scores, "linear")
    assert keep.tolist()[:2] == [0, 3]
    torch.testing.assert_close(got, torch.tensor([0.9, 0.1, 0, 0]))


def test_no_masks():
    scores, keep = mask_matrix_nms(
        torch.zeros(0, 5), torch.zeros(0).long(), torch.zeros(0)
    )
    assert len(scores) == len(keep) == 0


def test_unknown_kernel():
    with pytest.raises(ValueError, match="got 'cubic'"):
        mask_matrix_nms(torch.ones(1, 1), torch.zeros(1).long(), torch.ones(1), "cubic")
