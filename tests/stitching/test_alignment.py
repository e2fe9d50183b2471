"""A robust similarity, and depth between pixels."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tests.stitching.worlds import K, depth_of, tour, world
from vantage3d.geometry import pixel_grid
from vantage3d.geometry.similarity import Similarity
from vantage3d.stitching.alignment import align
from vantage3d.stitching.loops import SiftMatcher, candidates, depth_at, prove

TRUE = Similarity(0.4, Rotation.from_euler("xyz", [1, 2, 3]).as_matrix(), np.ones(3))


def cloud(count=400, wrong=0.0):
    """Points of two worlds, a share of which do not belong together."""
    rng = np.random.default_rng(0)
    source = rng.uniform((-3, -3, 5), (3, 3, 11), (count, 3))
    target = TRUE.points(source)
    bad = rng.random(count) < wrong
    target[bad] = rng.uniform(-20, 20, (int(bad.sum()), 3))
    return source, target, TRUE.scale * source[:, 2], bad


def test_half_of_the_points_are_wrong():
    source, target, depth, bad = cloud(wrong=0.5)
    found = align(source, target, depth, np.ones(len(bad)))
    assert found.similarity.scale == pytest.approx(TRUE.scale, abs=1e-9)
    np.testing.assert_allclose(found.similarity.rotation, TRUE.rotation, atol=1e-9)
    assert found.share == pytest.approx(1 - bad.mean(), abs=0.02)


def test_confidence_decides_between_two_answers():
    source, target, depth, _ = cloud()
    other = Similarity(0.8, np.eye(3), np.zeros(3))
    target[:240] = other.points(source[:240])
    conf = np.where(np.arange(len(source)) < 240, 1.0, 4.0)
    for weights, scale in ((np.ones(400), 0.8), (conf, 0.4)):
        found = align(source, target, depth, weights)
        assert found.similarity.scale == pytest.approx(scale)


def test_nothing_to_align():
    source, target, depth, _ = cloud(10)
    assert align(source, target, depth, np.zeros(10)) is None
    assert align(np.ones((10, 3)), np.ones((10, 3)), depth, np.ones(10)) is None


def test_depth_between_pixels_of_a_plane():
    inverse = 0.2 + 0.01 * pixel_grid(20, 30, np.zeros(1))[..., 0]
    depth = 1 / inverse
    depth[:, 20:] *= 2  # an edge between two surfaces
    depth[3, 3] = 0
    pixels = np.array([[7.25, 6.5], [19.5, 6], [2.5, 2.5], [-1, 4], [28.9, 18.9]])
    expected = [1 / (0.2 + 0.0725), 0, 0, 0, 2 / (0.2 + 0.289)]
    np.testing.assert_allclose(depth_at(depth, pixels), expected)


def test_matches_that_lie_prove_nothing():
    poses = tour(8, 0.05)
    one, two = (world(poses, seed=seed)(range(8)) for seed in (0, 1))
    grid = pixel_grid(30, 40, K)[2:-2:4, 2:-2:4].reshape(-1, 2)
    found = prove(one, two, (3, 3), (grid, grid))
    assert found.spread < 1e-6 and found.share > 0.999
    shuffled = np.random.default_rng(0).permutation(grid)
    assert prove(one, two, (3, 3), (grid, shuffled)) is None
    assert prove(one, two, (3, 3), (grid[:10], grid[:10])) is None


def test_candidates_are_the_most_alike_and_not_neighbours():
    ranges = [range(0, 4), range(3, 7), range(6, 10), range(9, 13)]
    features = np.eye(13)
    features[11] = features[1] + 0.01
    found = candidates(features, ranges, gap=2)
    assert found[0].first == 0 and found[0].second == 3
    assert found[0].pairs[0] == (1, 11)
    assert {(c.first, c.second) for c in found} == {(0, 2), (0, 3), (1, 3)}


def test_sift_in_pixels_of_the_depth_map():
    rng = np.random.default_rng(0)
    picture = np.kron(rng.integers(0, 255, (30, 40)), np.ones((8, 8))).astype(np.uint8)
    views = [np.stack([picture[:, s : s + 240]] * 3, -1) for s in (0, 16)]
    matcher = SiftMatcher(lambda frame: views[frame], (60, 60))
    first, second = matcher(0, 1)
    assert len(first) > 50
    np.testing.assert_allclose(np.median(first - second, 0), [4, 0], atol=0.02)
    empty = SiftMatcher(lambda frame: views[0] * 0, (60, 60))
    assert len(empty(0, 1)[0]) == 0


def test_depth_of_the_test_world():
    pose = np.eye(4)
    assert depth_of(pose)[14, 19] == pytest.approx(1.5)
