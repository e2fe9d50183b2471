"""Clouds against clouds: grids in closed form, and a slow search."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vantage3d.evaluation.point_clouds import (
    align_points,
    cloud_metrics,
    nearest_distances,
)

TURN = Rotation.from_euler("xyz", [20, -50, 130], degrees=True).as_matrix()


def cloud(count: int = 400, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(-5, 5, (count, 3)) + np.array([3, -2, 15])


def grid() -> np.ndarray:
    """(100, 3) points, a metre apart on a plane."""
    x, y = np.mgrid[:10, :10]
    return np.stack([x, y, 0 * x], -1).reshape(-1, 3).astype(float)


@pytest.mark.parametrize("far", [0, 3600])
def test_a_similar_cloud_is_perfect_after_alignment(far):
    truth = cloud() + np.array([far, -far, far / 3])
    pred = 0.07 * (truth - truth.mean(0)) @ TURN.T + (1, 2, 3)
    similarity = align_points(pred, truth, truth[:, 2] - far / 3)
    found = cloud_metrics(similarity.points(pred), truth, 0.01)
    assert found["f_score"] == 1
    assert found["accuracy"] < 1e-9 and found["completeness"] < 1e-9


def test_a_tenth_of_wrong_points_does_not_move_the_others():
    truth = cloud(1000)
    pred = truth.copy()
    pred[:80] += (20, 5, 40)
    similarity = align_points(0.1 * pred, truth, truth[:, 2])
    assert np.allclose(similarity.points(0.1 * pred)[80:], truth[80:], atol=1e-9)


def test_a_shifted_plane_by_hand():
    truth = grid()
    pred = truth + np.array([0, 0, 0.3])
    found = cloud_metrics(pred, truth, 0.5)
    assert found == pytest.approx({"accuracy": 0.3, "completeness": 0.3, "f_score": 1})
    assert cloud_metrics(pred, truth, 0.2)["f_score"] == 0


def test_accuracy_and_completeness_are_not_the_same():
    truth = grid()
    half = truth[truth[:, 0] < 5]
    found = cloud_metrics(half, truth, 0.5)
    # the missing columns are 1, 2, ..., 5 metres from the last one that is there
    assert found["accuracy"] == 0
    assert found["completeness"] == pytest.approx(15 * 10 / 100)
    assert found["f_score"] == pytest.approx(2 * 1 * 0.5 / 1.5)


def test_nearest_neighbours_are_those_of_a_slow_search():
    first, second = cloud(150, 1), cloud(200, 2)
    slow = np.linalg.norm(first[:, None] - second, axis=-1).min(axis=1)
    assert np.allclose(nearest_distances(first, second), slow, rtol=1e-12)


def test_a_collapsed_cloud_is_found_quickly():
    found = nearest_distances(grid(), np.tile([0.0, 0, 2], (100_000, 1)))
    assert found == pytest.approx(np.linalg.norm(grid() - (0, 0, 2), axis=1))


def test_some_points_are_looked_up_among_all():
    truth, pred = cloud(300, 1), cloud(300, 2)
    asked = np.arange(300) % 3 == 0
    found = cloud_metrics(pred, truth, 0.5, (asked, asked))
    assert found["accuracy"] == pytest.approx(
        nearest_distances(pred[::3], truth).mean()
    )
    assert found["completeness"] == pytest.approx(
        nearest_distances(truth[::3], pred).mean()
    )


def test_nothing_to_compare_or_to_align():
    assert all(map(math.isnan, cloud_metrics(cloud()[:0], cloud(), 0.1).values()))
    assert align_points(cloud(2), cloud(2), np.ones(2)) is None
    assert align_points(cloud(9), np.ones((9, 3)), np.ones(9)) is None


def test_arguments():
    with pytest.raises(ValueError, match="`threshold_m` must be positive, got -1"):
        cloud_metrics(cloud(), cloud(), -1)
    with pytest.raises(ValueError, match=r"`truth` must have shape .* got \(400, 2\)"):
        align_points(cloud(), cloud()[:, :2], np.ones(400))
