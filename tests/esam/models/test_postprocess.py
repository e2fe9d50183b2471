"""From logits to instances, against loops."""

import math

import pytest
import torch

from vantage3d.esam.models import InstancePostProcess, mask_matrix_nms
from vantage3d.esam.models.postprocess import build_postprocess, semantic_of_points


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


def logits(num_classes=1):
    generator = torch.Generator().manual_seed(0)
    cls = torch.randn(6, num_classes + 1, generator=generator)
    return cls, 3 * torch.randn(6, 50, generator=generator)


def test_scores_are_probability_times_mean_certainty_inside():
    cls, masks = logits()
    process = InstancePostProcess(nms=False, npoint_thr=0)
    binary, labels, scores, queries = process(cls, masks, num_classes=1)
    for mask, score, query in zip(binary, scores, queries):
        probs = masks[query].sigmoid()
        certainty = probs[masks[query] > 0].mean()
        torch.testing.assert_close(score, cls[query].softmax(0)[0] * certainty)
        assert torch.equal(mask, probs > 0.4)
    assert labels.tolist() == [0] * 6
    assert len(set(queries.tolist())) == 6


def test_topk_counts_pairs_of_query_and_class():
    cls, masks = logits(num_classes=3)
    process = InstancePostProcess(
        topk_insts=5, nms=False, npoint_thr=0, obj_normalization=False
    )
    _, labels, scores, queries = process(cls, masks, num_classes=3)
    probs = cls.softmax(1)[:, :-1]
    best = probs.flatten().topk(5).values
    torch.testing.assert_close(scores, best)
    torch.testing.assert_close(probs[queries, labels], scores)


def test_one_class_merges_those_of_the_decoder():
    cls, masks = logits(num_classes=3)
    process = InstancePostProcess(nms=False, npoint_thr=0, obj_normalization=False)
    _, labels, scores, queries = process(cls, masks, num_classes=1)
    torch.testing.assert_close(scores, 1 - cls.softmax(1)[queries, -1])
    assert labels.max() == 0


def test_quality_multiplies_and_nms_sorts():
    cls, masks = logits()
    process = InstancePostProcess(npoint_thr=0)
    _, _, plain, order = process(cls, masks, 1)
    _, _, halved, same = process(cls, masks, 1, torch.full((6, 1), 0.5))
    torch.testing.assert_close(halved, plain / 2)
    assert torch.equal(order, same)
    assert plain.tolist() == sorted(plain.tolist(), reverse=True)


def test_small_and_unlikely_instances_are_dropped():
    cls = torch.tensor([[9.0, 0], [9, 0], [0, 9]])
    masks = torch.full((3, 50), -9.0)
    masks[0, :30], masks[1, 30:35], masks[2, 35:] = 9, 9, 9
    process = InstancePostProcess(inst_score_thr=0.5, npoint_thr=5)
    binary, _, _, queries = process(cls, masks, 1)
    assert queries.tolist() == [0]
    assert binary.sum().item() == 30


def test_semantics_never_give_the_column_of_no_class():
    sem = torch.tensor([[0.0, 1, 9], [2, 1, 9]])
    assert semantic_of_points(sem, torch.tensor([1, 0, 0])).tolist() == [0, 1, 1]


def test_unknown_option():
    with pytest.raises(ValueError, match=r"unknown options \['pan_score_thr'\]"):
        build_postprocess({"pan_score_thr": 0.5})
