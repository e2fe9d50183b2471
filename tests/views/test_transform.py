import re

import numpy as np
import pytest

from tests.views.plane import SIZE, K, frame, plane_depth
from vantage3d.views.frame import BadSampleError
from vantage3d.views.transform import ViewTransform, target_size


@pytest.mark.parametrize(
    ("aspect", "expected"), [(1.0, (518, 518)), (0.33, (168, 518)), (0.27, (126, 518))]
)
def test_sizes_of_released_training(aspect, expected):
    assert target_size(518, aspect) == expected


def test_kitti_window_is_825_columns_wide():
    """The wide crop of the presets, and the square one with 272 columns."""
    K = np.array([[552.554261, 0, 682.049453], [0, 552.554261, 238.769549], [0, 0, 1]])
    for height, columns in ((168, 843), (518, 273)):
        window = ViewTransform(height, 518).window(K, (1408, 376))
        assert window.right - window.left == pytest.approx(columns, abs=2)
        assert window.bottom - window.top <= 274
        assert (window.left + window.right - 1) / 2 == pytest.approx(682.05, abs=0.5)


def test_an_odd_reduction_keeps_depth_exactly():
    """Each third pixel: the view's depth is the plane's depth under the view's K."""
    size = (3 * 70, 3 * 28)
    K = np.array([[90.0, 0, 104.5], [0, 88.0, 41.5], [0, 0, 1]])
    source = frame(3, size, K)
    view = ViewTransform(28, 70)(source)
    exact = plane_depth(view.K, source.world2cam, (70, 28))
    np.testing.assert_allclose(view.depth, exact, rtol=1e-6)
    assert (view.image[..., 0] == np.arange(70) * 3 + 1).all()


@pytest.mark.parametrize(("height", "width"), [(28, 70), (42, 56), (112, 126)])
@pytest.mark.parametrize("zoom", [1.0, 1.25])
def test_any_resize_keeps_geometry_to_half_a_source_pixel(height, width, zoom):
    source = frame(3)
    view = ViewTransform(height, width, zoom=zoom)(source)
    exact = plane_depth(view.K, source.world2cam, (width, height))
    step = np.abs(np.gradient(source.depth)).max()
    assert np.abs(view.depth - exact).max() < step
    scale = view.K[0, 0] / K[0, 0]
    # Red is the source column: the half-pixel rule turns it into the view's.
    columns = (view.image[height // 2, :, 0] - K[0, 2]) * scale + view.K[0, 2]
    assert np.abs(columns - np.arange(width))[2:-2].max() < max(1.0, scale)
    assert np.abs(view.K[:2, 2] - [(width - 1) / 2, (height - 1) / 2]).max() < scale


def test_window_is_inside_and_as_wide_as_possible():
    window = ViewTransform(28, 70).window(K, SIZE)
    assert window.left >= 0 and window.right <= SIZE[0]
    assert window.top >= 0 and window.bottom <= SIZE[1]
    half_columns = min(K[0, 2] + 0.5, SIZE[0] - 0.5 - K[0, 2])
    assert window.right - window.left == pytest.approx(2 * half_columns, abs=1)


def test_scattered_depth_keeps_every_pixel_the_nearest():
    source = frame(0)
    sparse = np.zeros_like(source.depth)
    rows, columns = np.divmod(np.arange(0, sparse.size, 7), sparse.shape[1])
    sparse[rows, columns] = np.linspace(5, 60, len(rows))
    geometry = ViewTransform(28, 70, "scatter")
    view = geometry(source._replace(depth=sparse))
    left, top, right, bottom = geometry.window(source.K, SIZE)
    expected = {}
    for row, column in zip(rows, columns):
        if left <= column < right and top <= row < bottom:
            at = (
                int((row - top + 0.5) * 28 / (bottom - top)),
                int((column - left + 0.5) * 70 / (right - left)),
            )
            expected[at] = min(expected.get(at, 99), sparse[row, column])
    found = {(r, c): view.depth[r, c] for r, c in zip(*np.nonzero(view.depth))}
    assert found == expected
    dense = ViewTransform(28, 70)(source._replace(depth=sparse))
    assert (dense.depth > 0).sum() < len(found)


def test_errors():
    with pytest.raises(ValueError, match=r"positive multiple of 14, got 500. Use 504"):
        target_size(500, 0.3)
    with pytest.raises(ValueError, match=r"`aspect` 0.01 leaves no patch"):
        target_size(518, 0.01)
    outside = frame(0)._replace(K=np.array([[90.0, 0, -4], [0, 90, 40], [0, 0, 1]]))
    message = re.escape("point [-4.0, 40.0] is outside of the image of 211x97")
    with pytest.raises(BadSampleError, match=message):
        ViewTransform(28, 70)(outside)
