"""Sparse matching against the definition."""

import pytest
import torch

from vantage3d.esam.losses import SparseMatcher

COSTS = [
    {"type": "QueryClassificationCost", "weight": 0.5},
    {"type": "MaskBCECost", "weight": 1.0},
    {"type": "MaskDiceCost", "weight": 1.0},
]


def naive(matcher, cls, masks, labels, gt, inside):
    """Instance by instance, the cheapest of all queries that lie inside."""
    cost = matcher.cost(cls, masks, labels, gt)
    matched = []
    for g in range(len(gt)):
        inner = inside[g].nonzero()[:, 0].tolist()
        best = sorted(inner, key=lambda q: float(cost[q, g]))
        matched += [(q, g) for q in best[: matcher.topk]]
    return sorted(matched)


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("topk", [1, 2])
@pytest.mark.parametrize("seed", range(10))
def test_matches_are_the_cheapest_inside(seed, topk, legacy):
    generator = torch.Generator().manual_seed(seed)
    queries, instances = 9, 4
    cls = torch.randn(queries, 3, generator=generator)
    masks = torch.randn(queries, 30, generator=generator)
    labels = torch.tensor([0, 1, 1, 0])
    gt = torch.rand(instances, 30, generator=generator) > 0.5
    inside = torch.rand(instances, queries, generator=generator) > 0.6
    inside[2] = False  # an instance without a query
    matcher = SparseMatcher(COSTS, topk, legacy)
    got = matcher(cls, masks, labels, gt, inside)
    expected = naive(matcher, cls, masks, labels, gt, inside)
    assert list(zip(*(ids.tolist() for ids in got))) == expected


def test_one_query_is_enough():
    """torch.topk(k + 1) would fail here."""
    args = torch.zeros(1, 2), torch.zeros(1, 4), torch.zeros(1).long()
    for legacy in (False, True):
        matcher = SparseMatcher(COSTS, 1, legacy)
        queries, instances = matcher(
            *args, torch.ones(1, 4).bool(), torch.ones(1, 1).bool()
        )
        assert (queries.tolist(), instances.tolist()) == ([0], [0])


@pytest.mark.parametrize(("legacy", "expected"), [(False, [0]), (True, [])])
def test_ties_go_to_the_first_query_unless_legacy(legacy, expected):
    cls, masks = torch.zeros(2, 2), torch.zeros(2, 4)
    gt, inside = torch.ones(1, 4).bool(), torch.ones(1, 2).bool()
    queries, _ = SparseMatcher(COSTS, 1, legacy)(
        cls, masks, torch.zeros(1).long(), gt, inside
    )
    assert queries.tolist() == expected


@pytest.mark.parametrize("instances", [0, 2])
def test_nothing_inside_gives_no_match(instances):
    queries, matched = SparseMatcher(COSTS, 1)(
        torch.zeros(3, 2),
        torch.zeros(3, 4),
        torch.zeros(instances).long(),
        torch.zeros(instances, 4).bool(),
        torch.zeros(instances, 3).bool(),
    )
    assert len(queries) == len(matched) == 0
    assert queries.dtype == matched.dtype == torch.int64
