"""Depth at other resolutions, against the plane that it is of."""

import numpy as np
import pytest

from tests.views.plane import SIZE, K, plane_depth, pose
from vantage3d.geometry import scale_intrinsics
from vantage3d.views.resampling import nearest, resize_depth


@pytest.mark.parametrize("shape", [(48, 105), (97, 211), (31, 80), (200, 300)])
def test_a_plane_stays_the_plane(shape):
    """Better than the nearest measurement, which belongs to another pixel centre."""
    height, width = shape
    depth = plane_depth(K, pose(3), SIZE).astype(np.float32)
    scaled = scale_intrinsics(K, width / SIZE[0], height / SIZE[1])
    expected = plane_depth(scaled, pose(3), (width, height))
    inner = np.s_[3:-3, 3:-3]  # beyond the outermost centres there is nothing to mix
    off = np.abs(resize_depth(depth, height, width) / expected - 1)[inner]
    assert off.max() < 1e-4
    if shape != depth.shape:
        near = np.abs(nearest(depth, height, width) / expected - 1)[inner]
        assert near.max() > 10 * off.max()


def test_holes_and_edges_are_not_mixed():
    """Every value comes from the surface on one side, and holes keep their pixels."""
    depth = np.full((60, 80), 2.0, np.float32)
    depth[:, 41:] = 3.0
    depth[20:32, 10:22] = 0
    small = resize_depth(depth, 30, 40)
    assert set(np.unique(small)) == {0.0, 2.0, 3.0}
    np.testing.assert_array_equal(small, nearest(depth, 30, 40))
    assert (small == 0).sum() == 6 * 6


def test_the_share_of_an_edge_is_an_argument():
    depth = np.array([[1.0, 1.04]], np.float32)
    assert resize_depth(depth, 1, 1)[0, 0] == pytest.approx(1.02)
    assert resize_depth(depth, 1, 1, edge=0.03)[0, 0] == np.float32(1.04)
