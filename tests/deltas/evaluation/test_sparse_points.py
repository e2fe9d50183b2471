"""Sparse points judged beside chance and the dense depth, and what is doubted."""

import math

import numpy as np
import pytest
import torch

from tests.deltas.evaluation.test_depth_metric import KEYPOINTS, answer, evaluate
from tests.deltas.worlds import wall_batch
from vantage3d.deltas.evaluation.hooks import OF_POINTS, sparse_rows, table_of
from vantage3d.deltas.evaluation.sparse_points import (
    CHANCE,
    JudgedPoints,
    doubts,
    epipolar_length,
    summarise_points,
)


def test_epipolar_length_of_a_sideways_camera():
    K = torch.tensor([[100.0, 0, 32], [0, 100, 24], [0, 0, 1]]).repeat(2, 1, 1)
    cam2world = torch.eye(4).repeat(2, 1, 1)
    cam2world[1, 0, 3] = 0.3
    length = epipolar_length(KEYPOINTS, K, cam2world, (0.5, 10.0))
    assert length == pytest.approx(100 * 0.3 * (1 / 0.5 - 1 / 10), rel=1e-4)
    assert epipolar_length(KEYPOINTS, K, torch.eye(4).repeat(2, 1, 1), (0.5, 10)) < 1e-3


def judged(found, dense=None, centre=None) -> JudgedPoints:
    """Points whose true depth is 2 m."""
    found = np.array(found, np.float32)
    truth = np.full_like(found, 2)
    nothing = np.full_like(found, math.nan)
    others = [truth if x is None else np.array(x, np.float32) for x in (dense, centre)]
    chance = {"centre": others[1], "random": nothing}
    return JudgedPoints(np.zeros((len(found), 2)), truth, found, others[0], chance)


def test_shares_are_of_what_they_say():
    """Of four keypoints one is missed, two are right and one is 50 % off."""
    none = math.nan
    two = [judged([2.0, 3.0], dense=[2.2, 2.2]), judged([none, 2.02], dense=[9, 2.2])]
    values = summarise_points(two)
    assert values["sparse.within_5"] == pytest.approx(2 / 3)
    assert values["sparse.within_5_of_all"] == 0.5
    assert values["sparse.abs_rel_median"] == pytest.approx(0.01, rel=1e-4)
    # where nothing was triangulated the dense depth does not count either
    assert values["sparse.dense_abs_rel_median"] == pytest.approx(0.1, rel=1e-4)
    assert values["sparse.chance.centre.within_5_of_all"] == 1
    assert values["sparse.chance.random.within_5_of_all"] == 0


def test_points_of_an_untrained_network_are_doubted():
    """All are triangulated, so the share says nothing: the others do."""
    centre = [3.0, 3.0, 2.0, 3.0]
    values = summarise_points([judged(centre, dense=[2.2] * 4, centre=centre)])
    metrics = {"sparse.triangulated": 1.0, **values}
    first, second = doubts(metrics)
    assert "25.0% of the keypoints are within 5 %" in first and "chance 25.0%" in first
    assert "50.0% off at the median, the dense depth at their pixels 10.0%" in second
    values = summarise_points([judged([2.01] * 4, dense=[2.1] * 4, centre=centre)])
    assert doubts({"sparse.triangulated": 1.0, **values}) == []
    assert "no keypoint was triangulated" in doubts({"sparse.triangulated": 0.0})[0]


def test_a_metric_has_the_row_of_chance():
    """A wall on which the centre of every segment would be right, and nothing else."""
    batch = wall_batch()
    right, wrong = answer(batch)[0], answer(batch, scale=0.5)[0]
    chance = dict.fromkeys(CHANCE, (right["points_anchor"], right["point_valid"]))
    metrics = evaluate([(batch, [{**wrong, "chance": chance}])])
    assert metrics["sparse.within_5_of_all"] == 0
    assert metrics["sparse.chance.centre.within_5_of_all"] == 1
    silent = evaluate([(batch, [right])])  # one that says nothing of segments
    assert math.isnan(silent["sparse.chance.centre.within_5_of_all"])
    assert doubts(silent) == []
    table = table_of(sparse_rows(metrics), OF_POINTS)
    places = [line for line in table.splitlines() if "chance" in line]
    assert len(places) == 2 and all("1.0000" in line for line in places)
    assert "dense depth there" in table
