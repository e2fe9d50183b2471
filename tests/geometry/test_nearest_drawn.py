"""The nearest drawn pixel against a tree of all of them."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from vantage3d.geometry import unproject
from vantage3d.geometry.nearest_drawn import nearest_drawn

K = np.array([[60.0, 0.4, 33], [0, 55, 23], [0, 0, 1]])
SHAPE = 48, 64


def scene(kind: str) -> np.ndarray:
    """Depth maps on which neighbours in the image are not those in space."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    if kind == "floor":  # seen at a grazing angle
        return 40 / (1 + y + 0.01 * x)
    if kind == "fence":
        return np.where(x // 3 % 2, 1.0, 3.0) + 0.01 * rng.random(SHAPE)
    if kind == "holes":
        return np.where(rng.random(SHAPE) < 0.7, 0, 2 + rng.random(SHAPE))
    return np.full(SHAPE, 2.0)


@pytest.mark.parametrize("count", [1, 40, 300, 5000])
@pytest.mark.parametrize("kind", ["floor", "fence", "holes", "wall"])
def test_none_is_nearer(kind, count):
    depth = scene(kind)
    rows, columns = np.nonzero(depth)
    chosen = np.random.default_rng(1).integers(0, len(rows), count)
    pixels = np.stack([columns, rows], 1)[chosen]
    points = unproject(depth, K, np.eye(4))
    own, all_points = points[pixels[:, 1], pixels[:, 0]], points[rows, columns]
    found = nearest_drawn(depth.astype(np.float64), K, pixels)
    assert found.shape == rows.shape
    expected = cKDTree(own).query(all_points)[0]
    distances = np.linalg.norm(own[found] - all_points, axis=1)
    np.testing.assert_allclose(distances, expected, rtol=0, atol=1e-12)


def test_a_pixel_that_was_drawn_is_its_own():
    depth = scene("wall")
    pixels = np.argwhere(depth > 0)[::7, ::-1]
    found = nearest_drawn(depth, K, pixels).reshape(SHAPE)
    drawn = found[pixels[:, 1], pixels[:, 0]]
    np.testing.assert_array_equal(drawn, np.arange(len(pixels)))
