"""Angles between surfaces: tilted planes, the walls of a street, sparse depth."""

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.evaluation.street import street_views
from vantage3d.evaluation.surface_normals import (
    angle_statistics,
    normal_angles,
    window_sums,
)
from vantage3d.geometry import unproject

K = np.array([[60.0, 0.3, 30.5], [0, 64, 18.2], [0, 0, 1]])
SIZE = (40, 64)


def plane(normal: np.ndarray, distance: float, K: np.ndarray = K) -> np.ndarray:
    """(H, W) depth of the plane n . X = distance."""
    v, u = np.mgrid[: SIZE[0], : SIZE[1]]
    y = (v - K[1, 2]) / K[1, 1]
    x = (u - K[0, 2] - K[0, 1] * y) / K[0, 0]
    return distance / (normal[0] * x + normal[1] * y + normal[2])


def everywhere() -> np.ndarray:
    return np.ones(SIZE, bool)


@pytest.mark.parametrize("angle", [1e-4, 3, 25, 50])
@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0.6, 0.8, 0)])
def test_two_planes_have_the_angle_between_them(axis, angle):
    normal = np.array([0.1, -0.2, 0.97])
    turned = Rotation.from_rotvec(np.radians(angle) * np.array(axis)).apply(normal)
    expected = math.degrees(
        math.atan2(np.linalg.norm(np.cross(normal, turned)), normal @ turned)
    )
    pred = plane(turned, 3)
    angles = normal_angles(pred, plane(normal, 8), K, everywhere())
    in_front = pred > 0  # a steep plane passes the camera
    assert np.isfinite(angles[in_front]).mean() > 0.99
    assert np.nanmax(np.abs(angles - expected)) < 1e-8


def test_sparse_truth_is_as_good_as_dense_truth():
    mask = np.random.default_rng(0).random(SIZE) < 0.4
    near, tilted = plane(np.array([0, 0, 1.0]), 5), plane(np.array([0.5, 0, 1]), 5)
    angles = normal_angles(tilted, np.where(mask, near, 0), K, mask)
    assert np.isnan(angles[~mask]).all()
    assert np.isfinite(angles[mask]).mean() > 0.9
    assert np.nanmax(np.abs(angles - math.degrees(math.atan(0.5)))) < 1e-9


def old_angles(pred: np.ndarray, truth: np.ndarray, valid: np.ndarray) -> np.ndarray:
    """The reference's: forward differences, missing depth is zero."""
    normals = []
    for depth in (pred, truth):
        points = unproject(depth, K, np.eye(4))
        right, down = np.zeros_like(points), np.zeros_like(points)
        right[:, 1:], down[1:] = np.diff(points, axis=1), np.diff(points, axis=0)
        normal = np.cross(right, down)
        length = np.linalg.norm(normal, axis=-1, keepdims=True)
        normals.append(normal / np.maximum(length, 1e-12))
    cosine = np.clip((normals[0] * normals[1]).sum(-1), -1, 1)
    return np.degrees(np.arccos(cosine))[valid]


def test_missing_neighbours_are_no_zeros():
    """Reference project: a perfect network got 84 degrees on LiDAR depth."""
    mask = np.random.default_rng(0).random(SIZE) < 0.3
    depth = plane(np.array([0.3, 0.1, 1]), 8)
    sparse = np.where(mask, depth, 0)
    assert old_angles(depth, sparse, mask).mean() > 60
    assert np.nanmax(normal_angles(depth, sparse, K, mask)) < 1e-9


def test_walls_and_roads_of_a_street_have_their_normals():
    views = street_views()
    depth, pose = views.depth[1], views.cam2world[1]
    # A prediction of one plane for each class: the road, and walls along the street.
    for label, axis, share in ((7, 2, 0.9), (11, 1, 0.3)):
        pixels = views.semantics[1] == label
        normal = pose[:3, :3].T[:, axis]  # the street's axis, seen by the camera
        v, u = np.mgrid[: depth.shape[0], : depth.shape[1]]
        rays = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(views.K).T
        pred = 1 / np.maximum(np.abs(rays @ normal), 1e-9)
        angles = normal_angles(pred, depth, views.K, (depth > 0) & pixels)
        folded = np.minimum(angles, 180 - angles)
        known = folded[~np.isnan(folded)]
        # roofs and the other faces of houses look elsewhere
        assert np.mean(known < 1e-6) > share, label


def test_neither_unit_matters():
    views = street_views()
    depth, valid = views.depth[0], views.depth[0] > 0
    bent = depth * (1 + 0.02 * np.sin(np.arange(depth.shape[1]) / 5))
    one = normal_angles(bent, depth, views.K, valid)
    other = normal_angles(0.013 * bent, 7 * depth, views.K, valid)
    assert np.allclose(one, other, atol=1e-7, equal_nan=True)
    perfect = normal_angles(0.1 * depth, depth, views.K, valid)
    assert np.nanmax(perfect) < 1e-9
    assert np.isfinite(perfect[valid]).mean() > 0.5


def test_an_edge_has_no_true_normal():
    truth = np.full(SIZE, 5.0)
    truth[:, 32:] = 10
    angles = normal_angles(np.full(SIZE, 5.0), truth, K, everywhere())
    assert np.isnan(angles[:, 29:35]).all()
    assert np.isfinite(angles[:, :29]).all() and np.isfinite(angles[:, 35:]).all()
    # a prediction that blurs the edge is judged where the truth is smooth
    blurred = np.full(SIZE, 5.0)
    blurred[:, 28:] = np.linspace(5, 10, 36)
    assert normal_angles(blurred, truth, K, everywhere())[:, 28].min() > 5


def test_unusable_predictions_and_lonely_pixels_are_not_measured():
    truth = plane(np.array([0.2, 0, 1]), 6)
    pred = truth.copy()
    pred[10, 10], pred[20, 20], pred[30, 30] = np.nan, -1, np.inf
    angles = normal_angles(pred, truth, K, everywhere())
    assert np.isnan(angles[[10, 20, 30], [10, 20, 30]]).all()
    assert np.isnan(angles).sum() == 3 and np.nanmax(angles) < 1e-9
    line = np.zeros(SIZE, bool)
    line[7] = True
    assert np.isnan(normal_angles(truth, truth, K, line, radius=4)).all()


def test_statistics_by_hand():
    found = angle_statistics(np.array([[10.0, 20, np.nan], [25, 40, np.nan]]))
    assert found == {
        "angular_mean": 23.75, "angular_median": 22.5,
        "inlier_11_25": 0.25, "inlier_22_5": 0.5, "inlier_30": 0.75,
    }  # fmt: skip
    assert all(map(math.isnan, angle_statistics(np.full(3, np.nan)).values()))


def test_depth_of_another_size():
    with pytest.raises(ValueError, match=r"`pred` must have shape \(H=40, W=64\), got"):
        normal_angles(np.ones((40, 63)), np.ones(SIZE), K, everywhere())


@pytest.mark.parametrize("radius", [1, 2, 5])
@pytest.mark.parametrize("axis", [0, 1])
def test_sums_are_those_of_a_loop(radius, axis):
    array = np.random.default_rng(0).normal(size=(7, 9))
    powers = (0, 1, 2)
    found = window_sums(array, radius, axis, powers)
    for sums, power in zip(found, powers):
        for row, column in np.ndindex(array.shape):
            expected = 0.0
            for offset in range(-radius, radius + 1):
                at = [row, column]
                at[axis] += offset
                if 0 <= at[axis] < array.shape[axis]:
                    expected += offset**power * array[tuple(at)]
            assert sums[row, column] == pytest.approx(expected, abs=1e-12)
