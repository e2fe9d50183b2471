"""The scale of a world: robust, with its spread."""

import numpy as np
import pytest

from tests.stitching.worlds import tour
from vantage3d.stitching.metric_scale import from_poses, of_depth, robust


def test_poses_in_spite_of_a_turned_world_and_jumps():
    known = tour(40)
    found = known.copy()
    found[:, :3, 3] = (found[:, [1, 2, 0], 3] + [5, 6, 7]) / 3.0
    assert from_poses(found, known).value == pytest.approx(3)
    assert from_poses(found, known).spread < 1e-9
    found[[3, 17, 30], :3, 3] += 50  # three trackings lost
    scale = from_poses(found, known)
    assert scale.value == pytest.approx(3, rel=1e-9)
    noise = np.random.default_rng(0).normal(0, 0.05, (40, 3)) / 3
    found[:, :3, 3] += noise
    scale = from_poses(found, known)
    assert scale.value == pytest.approx(3, rel=0.03) and 0.005 < scale.spread < 0.1
    assert "m per unit from poses (" in str(scale)


def test_cameras_that_tell_nothing():
    known = tour(40)
    assert from_poses(known[:2], known[:2]) is None
    still = np.tile(known[:1], (40, 1, 1))
    assert from_poses(known, still) is None
    assert from_poses(still * 0, known) is None


def test_depth_where_both_are_known():
    predicted = np.array([1, 2, 4, 0, 1.0])
    known = np.array([2, 4, 8, 3, 0.0])
    assert of_depth(predicted, known) == 2
    assert np.isnan(of_depth(predicted, known * 0))
    scale = robust(np.array([2, 2.2, 1.8, np.nan, 40]), "depth")
    assert scale.count == 4 and scale.value == pytest.approx((2 * 2.2) ** 0.5)
    assert robust(np.array([np.nan]), "depth") is None
