"""Flat walls: corners, relief, instances, and the measure that was none."""

import math

import numpy as np
import pytest

from tests.evaluation.street import street_views
from vantage3d.evaluation.planarity import FLAT, MIN_POINTS, planarity, plane_segments
from vantage3d.geometry import unproject

K = np.array([[60.0, 0, 31.5], [0, 60, 19.5], [0, 0, 1]])
HEIGHT, WIDTH = 40, 64
EVERYWHERE = np.ones((HEIGHT, WIDTH), bool)


def rays() -> np.ndarray:
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    return np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(K).T


def corner() -> np.ndarray:
    """(H, W) depth of two walls that meet ahead, and of nothing else."""
    left, right = np.array([-0.6, 0, 1]), np.array([0.6, 0, 1])
    return np.minimum(6 / (rays() @ left), 6 / (rays() @ right))


def old_residual(pred: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The reference's: one plane by SVD through all true points."""
    points, guesses = (unproject(d, K, np.eye(4))[mask] for d in (truth, pred))
    centre = points.mean(0)
    normal = np.linalg.svd(points - centre, full_matrices=False)[2][2]
    return np.abs((guesses - centre) @ normal)


def test_two_walls_are_two_planes():
    """Reference project: one plane through all facades is no planarity."""
    depth = corner()
    assert (old_residual(depth, depth, EVERYWHERE) < 0.1).mean() < 0.3
    segments = plane_segments(depth, K, EVERYWHERE)
    assert set(np.unique(segments)) == {0, 1}
    assert np.unique(segments[:, :31]).size == np.unique(segments[:, 33:]).size == 1
    found = planarity(0.1 * depth, depth, K, segments).statistics()
    assert found["inlier_ratio"] == 1 and found["residual_mean"] < 1e-12


def test_a_wall_elsewhere_or_of_another_slope_is_flat_all_the_same():
    depth, segments = corner(), np.zeros((HEIGHT, WIDTH), int)
    tilted = 11 / (rays() @ np.array([0.2, -0.3, 1]))
    found = planarity(tilted, 6 / (rays() @ np.array([0, 0, 1.0])), K, segments)
    assert found.residual.max() < 1e-12
    assert planarity(depth, tilted, K, segments).residual.mean() > FLAT


def test_relief_has_a_closed_form():
    """Stripes of a wall that faces the camera, uncorrelated with any plane."""
    truth = np.full((HEIGHT, WIDTH), 8.0)
    segments = np.zeros((HEIGHT, WIDTH), int)
    stripes = np.tile([1.0, -1, -1, 1], HEIGHT // 4)[:, None]
    relief = 0.03
    pred = 1 / (1 / truth * (1 + relief * stripes))
    found = planarity(pred, truth, K, segments)
    # inverse depth is off by 3 % of that of the plane: 3 % of the depth
    assert np.allclose(found.residual, relief, rtol=0.01)
    assert found.statistics()["inlier_ratio"] == 0
    flat = planarity(1 / (1 / truth * (1 + 0.3 * FLAT * stripes)), truth, K, segments)
    assert flat.statistics()["inlier_ratio"] == 1


def test_some_outliers_do_not_bend_the_plane_of_the_others():
    truth = 6 / (rays() @ np.array([0.3, 0, 1]))
    pred = truth.copy()
    pred[:, :8] *= 3
    found = planarity(pred, truth, K, np.zeros((HEIGHT, WIDTH), int)).statistics()
    assert found["inlier_ratio"] == pytest.approx(7 / 8)
    assert found["residual_median"] < 1e-9


def test_rough_walls_cost_a_perfect_prediction_nothing():
    rng = np.random.default_rng(0)
    truth = np.full((HEIGHT, WIDTH), 8.0) * (
        1 + 0.002 * rng.normal(size=(HEIGHT, WIDTH))
    )
    segments = plane_segments(truth, K, EVERYWHERE)
    assert np.bincount(segments[segments >= 0])[0] > 0.9 * truth.size
    found = planarity(0.1 * truth, truth, K, segments)
    assert found.residual.max() < 1e-12 and found.truth.mean() > 5e-4
    smooth = planarity(np.full_like(truth, 0.8), truth, K, segments)
    assert smooth.residual.max() == 0


def test_planes_stay_within_instances_and_need_their_points():
    depth = np.full((HEIGHT, WIDTH), 8.0)
    instances = np.zeros((HEIGHT, WIDTH), int)
    instances[:, 32:] = 7
    instances[:20, :20] = 9  # 400 pixels: too few
    segments = plane_segments(depth, K, EVERYWHERE, instances)
    assert set(np.unique(segments[instances == 0])) == {0}
    assert set(np.unique(segments[instances == 7])) == {1}
    assert (segments[instances == 9] == -1).all()
    small = np.zeros((HEIGHT, WIDTH), bool)
    small.flat[: MIN_POINTS - 1] = True
    assert (plane_segments(depth, K, small) == -1).all()
    nothing = planarity(depth, depth, K, np.full((HEIGHT, WIDTH), -1))
    assert all(map(math.isnan, nothing.statistics().values()))


def test_houses_of_a_street():
    views = street_views()
    depth, instance = views.depth[0], views.instance[0]
    mask = views.semantics[0] == 11
    segments = plane_segments(depth, views.K, mask, instance, min_points=100)
    assert segments.max() >= 2
    for number in range(segments.max() + 1):
        assert len(np.unique(instance[segments == number])) == 1
    again = plane_segments(0.01 * depth, views.K, mask, instance, min_points=100)
    assert np.array_equal(segments, again)
    perfect = planarity(3 * depth, depth, views.K, segments)
    assert perfect.residual.max() < 1e-9 and perfect.truth.mean() < 2e-3
    wavy = depth * (1 + 0.05 * np.sin(np.arange(depth.shape[1])))
    assert planarity(wavy, depth, views.K, segments).statistics()["inlier_ratio"] < 0.6


def test_unusable_predictions_are_left_out():
    truth, segments = corner(), np.zeros((HEIGHT, WIDTH), int)
    pred = truth.copy()
    pred[0, :3] = (np.nan, -1, np.inf)
    assert len(planarity(pred, truth, K, segments).residual) == truth.size - 3


def test_arguments():
    with pytest.raises(ValueError, match="`min_points` must be positive, got 0"):
        plane_segments(corner(), K, EVERYWHERE, min_points=0)
    with pytest.raises(ValueError, match=r"`pred` must have shape .* got \(40, 63\)"):
        planarity(corner()[:, 1:], corner(), K, np.zeros((HEIGHT, WIDTH), int))
