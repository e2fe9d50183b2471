"""What teaches affinities, against numpy and closed forms."""

import math

import numpy as np
import pytest
import torch

from tests.esam.losses.test_merge_criterion import EYE, rows
from vantage3d.esam.losses import TrackCriterion
from vantage3d.esam.online.association import MIDDLE, TEMPERATURE


def random_scene(frames: int, queries: int, instances: int, seed: int = 0):
    """Unit vectors of both kinds by frame, and which instance each query is in."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(frames, 2, queries, 5))
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    owners = rng.integers(-1, instances, (frames, queries))
    return vectors, owners


def expected(vectors, owners, instances: int) -> tuple[float, float]:
    """The losses by loops over queries, instances and pairs."""

    def logit(a, b):
        return (a @ b - MIDDLE) / TEMPERATURE

    def binary(value, same):
        return math.log1p(math.exp(-value if same else value))

    tracks, parts = [], []
    for at, (now, who) in enumerate(zip(vectors, owners)):
        means = {}
        for one in range(instances):
            before = vectors[:at, 0][owners[:at] == one]
            if len(before):
                mean = before.mean(0)
                means[one] = mean / np.linalg.norm(mean)
        found = np.flatnonzero(who >= 0)
        cells, chosen = [], []
        for q in found:
            values = {one: logit(now[0, q], mean) for one, mean in means.items()}
            cells += [binary(value, one == who[q]) for one, value in values.items()]
            if who[q] in values:
                total = sum(map(math.exp, values.values()))
                chosen.append(math.log(total) - values[who[q]])
        if cells:
            tracks.append(np.mean(cells) + (np.mean(chosen) if chosen else 0))
        parts.append(
            np.mean(
                [
                    binary(logit(now[1, a], now[1, b]), who[a] == who[b])
                    for i, a in enumerate(found)
                    for b in found[i + 1 :]
                ]
            )
        )
    return float(np.mean(tracks)), float(np.mean(parts))


def test_losses_are_those_of_loops():
    vectors, owners = random_scene(4, 7, 3)
    inside = [torch.tensor(own == np.arange(3)[:, None]) for own in owners]
    criterion = TrackCriterion(track_weight=2.0, part_weight=3.0)
    found = criterion([[torch.tensor(v)] for v in vectors], [[one] for one in inside])
    track, part = expected(vectors, owners, 3)
    assert found["track_loss"].item() == pytest.approx(2 * track, rel=1e-9)
    assert found["part_loss"].item() == pytest.approx(3 * part, rel=1e-9)


def test_vectors_that_are_right_cost_little_and_exchanged_ones_much():
    right, inside = EYE[[0, 0, 1]], rows([0, 1], [2], number=3)
    wrong = EYE[[0, 1, 0]]
    criterion = TrackCriterion()
    cost = {
        name: criterion([[(right, right)], [(second, second)]], [[inside]] * 2)
        for name, second in (("right", right), ("wrong", wrong))
    }
    bound = math.log1p(math.exp(-MIDDLE / TEMPERATURE))  # of a cosine of 0 or 1
    assert cost["right"]["part_loss"].item() == pytest.approx(bound, rel=1e-3)
    assert cost["right"]["track_loss"].item() < 2 * bound
    assert cost["wrong"]["track_loss"] > 5 and cost["wrong"]["part_loss"] > 1


def test_a_new_instance_is_none_of_those_before():
    """Nothing to choose: each affinity with what is known should be small."""
    first, second = EYE[[0, 1]], EYE[[2, 0]]
    inside = [rows([0], [1], [], number=2), rows([], [], [0], number=2)]
    loss = TrackCriterion()(
        [[(first, first)], [(second, second)]], [[i] for i in inside]
    )
    bound = math.log1p(math.exp(-MIDDLE / TEMPERATURE))
    assert loss["track_loss"].item() == pytest.approx(bound, rel=1e-3)


def test_without_anything_to_compare_there_is_a_gradient_of_zero():
    vectors = torch.randn(2, 2, 4, 3, requires_grad=True)
    inside = [[rows([0], [])], [rows([], [])]]
    losses = TrackCriterion()([[tuple(one)] for one in vectors], inside)
    (losses["track_loss"] + losses["part_loss"]).backward()
    assert losses["track_loss"] == losses["part_loss"] == 0
    assert (vectors.grad == 0).all()
