"""From logits to instances, against loops."""

import pytest
import torch

from vantage3d.esam.models import InstancePostProcess
from vantage3d.esam.models.postprocess import build_postprocess, semantic_of_points


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
